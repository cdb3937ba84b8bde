"""A collector of traces for tests: OTLP over HTTP, as OpenTelemetry's exporters send it.

It can be told to be slow or to refuse; what it has taken is read as spans.
"""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")


@dataclass(frozen=True)
class Received:
    """One span as it came in; ids are hexadecimal, empty where there is none."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[tuple[str, str], ...]
    attributes: dict[str, Any]
    events: dict[str, dict[str, Any]]
    is_error: bool
    start_ns: int
    end_ns: int
    service: str
    scope: str

    @property
    def key(self) -> tuple[str, str]:
        """What a link to it names."""
        return self.trace_id, self.span_id

    def is_part_of(self, other: Received) -> bool:
        """Whether the other one is its parent."""
        return (self.trace_id, self.parent_id) == other.key


class Collector:
    """A context manager; ``url`` is for ``OTEL_EXPORTER_OTLP_ENDPOINT``."""

    def __init__(self, port: int = 0) -> None:
        self.spans: list[Received] = []
        self.requests = 0
        self.status = 200
        self._hold = threading.Event()
        self._hold.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        """Without the path of a signal."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def environment(self) -> dict[str, str]:
        """For a service that is to send its spans here, soon."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def hang(self) -> None:
        """Answers nobody until the end."""
        self._hold.clear()

    def named(self, name: str) -> list[Received]:
        """Spans of that name, in the order in which they began."""
        return sorted((one for one in self.spans if one.name == name), key=lambda one: one.start_ns)

    def wait_for(self, name: str, number: int = 1) -> list[Received]:
        """As ``named``, once there are as many."""
        wait_for(
            lambda: len(self.named(name)) >= number, 20, lambda: f"no {name!r}: {self.shown()}"
        )
        return self.named(name)

    def of_job(self, job_id: str, name: str = "") -> list[Received]:
        """Spans that name a job, in the order in which they began."""
        found = (one for one in self.spans if one.attributes.get("messaging.message.id") == job_id)
        return sorted(
            (one for one in found if one.name.startswith(name)), key=lambda one: one.start_ns
        )

    def wait_for_job(self, job_id: str, name: str, number: int = 1) -> list[Received]:
        """As ``of_job``, once there are as many."""
        wait_for(lambda: len(self.of_job(job_id, name)) >= number, 20, self.shown)
        return self.of_job(job_id, name)

    def orphans(self) -> list[Received]:
        """Spans whose parent, or what they are linked to, has not come in."""
        known = {one.key for one in self.spans}
        return [
            one
            for one in self.spans
            if (one.parent_id and (one.trace_id, one.parent_id) not in known)
            or any(link not in known for link in one.links)
        ]

    def shown(self) -> str:
        """All that came in, for the message of a test."""
        return "\n".join(
            f"{one.service} {one.kind} {one.name} {one.trace_id[:6]}/{one.span_id[:6]} "
            f"< {one.parent_id[:6] or '-'} {one.links} {one.attributes}"
            for one in self.spans
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector._hold.wait()
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                status = collector._take(self.path, body)
                reply = ExportTraceServiceResponse().SerializeToString()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(  # type: ignore[explicit-override]  # typing.override comes with 3.12
                self, *_: object
            ) -> None:
                """Nothing: the test says what it saw."""

        return Handler

    def _take(self, path: str, body: bytes) -> int:
        self.requests += 1
        if path != "/v1/traces":
            return 404
        if self.status == 200:
            self.spans.extend(_spans_in(ExportTraceServiceRequest.FromString(body)))
        return self.status


def _spans_in(request: Any) -> Iterator[Received]:
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield _received(span, str(resource.get("service.name")), scope_spans.scope.name)


def _received(span: Any, service: str, scope: str) -> Received:
    return Received(
        name=span.name,
        kind=KINDS[span.kind],
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        attributes=_attributes(span.attributes),
        events={event.name: _attributes(event.attributes) for event in span.events},
        is_error=span.status.code == 2,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        service=service,
        scope=scope,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)
