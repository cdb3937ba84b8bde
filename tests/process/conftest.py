"""Fixtures of tests that run whole services."""

from __future__ import annotations

from support.api_server import api, api_client, api_url

__all__ = ["api", "api_client", "api_url"]
