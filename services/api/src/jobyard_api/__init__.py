"""Jobyard's REST API: validates requests, hands them to the store and reads it back."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("jobyard-api")

__all__ = ["__version__"]
