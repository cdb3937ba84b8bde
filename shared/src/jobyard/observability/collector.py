"""The way to the collector of traces. One line says that it is away, and one that it is back."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from jobyard.observability.logging import get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

_log = get_logger(__name__)

_OVERFLOW = "Queue full"
_QUIET_SECONDS = 60.0

_TALKATIVE = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk._shared_internal",
)
"""They log each try, and each span that does not fit into the queue while it is full."""


class Collector(SpanExporter):
    """Sends batches from the thread of the batches; nothing else ever waits for it."""

    def __init__(self) -> None:
        self._exporter = OTLPSpanExporter()
        self._said = _LastWord()
        self._lost = 0
        for name in _TALKATIVE:
            logging.getLogger(name).addFilter(self._said)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # type: ignore[explicit-override]  # typing.override comes with Python 3.12
        """Sends one batch; what is not taken is not tried again beyond OpenTelemetry's time."""
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._note_taken()
        else:
            self._note_lost(len(spans))
        return result

    def shutdown(self) -> None:  # type: ignore[explicit-override]  # as above
        """Ends a try that is under way."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # as it is

    def _note_taken(self) -> None:
        if self._lost:
            _log.info("traces.back", lost_spans=self._lost)
            self._lost = 0

    def _note_lost(self, spans: int) -> None:
        if not self._lost:
            _log.warning("traces.away", reason=self._said.text)
        self._lost += spans


class _LastWord(logging.Filter):
    """Keeps what a library says, and lets none of it through but that its queue is full."""

    text = ""
    _overflow_at = -math.inf

    def filter(self, record: logging.LogRecord) -> bool:  # type: ignore[explicit-override]  # as above
        self.text = record.getMessage()
        if (
            self.text.startswith(_OVERFLOW)
            and time.monotonic() - self._overflow_at > _QUIET_SECONDS
        ):
            self._overflow_at = time.monotonic()
            _log.warning(
                "traces.dropped",
                reason="more spans than are sent meanwhile: raise OTEL_BSP_MAX_QUEUE_SIZE, or "
                "record fewer traces (OTEL_TRACES_SAMPLER)",
            )
        return False
