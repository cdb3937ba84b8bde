"""How the server tells the application that the rest of a body is not to be had."""

from __future__ import annotations

BROKEN_OFF = "jobyard.broken_off"
"""In a request's scope, from the moment on: the refusal that the request gets."""
