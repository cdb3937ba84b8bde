"""The span of a request, in the trace of whoever sent it. Installed where traces are recorded."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from jobyard.observability.logging import log_context
from jobyard.observability.trace_context import current_trace, fields_of
from jobyard.observability.tracer import OpenSpan
from jobyard_api.current_span import current_span
from jobyard_api.middleware.access_log import route_of
from jobyard_api.trace_context import context_in, note_trace

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from jobyard.observability.trace_context import TraceContext
    from jobyard.observability.tracer import Tracer

_PROBES = frozenset({"/livez", "/readyz"})
"""Asked every few seconds by machines; their traces would tell nobody anything."""


class Spans:
    """Records each request but those of probes."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self.app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http" or scope["path"] in _PROBES:
            await self.app(scope, receive, send)
            return
        span = self._begin(scope)
        if not span.is_recorded:
            await self.app(scope, receive, send)
            return
        status = 0

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, send_noted)
        except Exception as error:
            span.fail(type(error).__name__)
            raise
        finally:
            _end(span, scope, status)

    def _begin(self, scope: Scope) -> OpenSpan:
        parent = context_in(scope)
        place = self._tracer.unrecorded(parent)
        span = self._server(scope, parent) if place is None else OpenSpan(place)
        current_span.set(span)
        current_trace.set(span.context)
        note_trace(scope, span.context)
        log_context.set({**log_context.get(), **fields_of(span.context)})
        return span

    def _server(self, scope: Scope, parent: TraceContext | None) -> OpenSpan:
        attributes = {
            "http.request.method": scope["method"],
            "url.path": scope["path"],
            "url.scheme": scope.get("scheme", "http"),
        }
        return self._tracer.server(scope["method"], attributes, parent)


def _end(span: OpenSpan, scope: Scope, status: int) -> None:
    if route := route_of(scope):
        span.rename(f"{scope['method']} {route}")
        span.note({"http.route": route})
    if status:
        span.note({"http.response.status_code": status})
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.fail(str(status))
    span.end()
