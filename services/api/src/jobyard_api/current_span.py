"""The span of the request under way, for whatever is worth a note in it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobyard.observability.tracer import OpenSpan

current_span: ContextVar[OpenSpan | None] = ContextVar("current_span", default=None)
"""None where no traces are recorded."""
