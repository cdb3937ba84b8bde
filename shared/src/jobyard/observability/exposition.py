"""Metrics in Prometheus's words, over HTTP.

Imported by ``endpoint.py`` when somebody asks for the first time: the client takes 30 ms and
1.3 MB, which a process that nobody scrapes does not spend.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, MetricsHandler, ProcessCollector
from prometheus_client import Metric as Family
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from jobyard.observability.metrics import Kind
from jobyard.observability.pages import page_of
from jobyard.observability.values import Histogram

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Sequence

    from jobyard.observability.pages import Answer, Pages
    from jobyard.observability.values import Source

PATH = "/metrics"

_REQUEST_SECONDS = 5.0
"""A client that asks slower, or does not read, makes the others wait no longer."""


class Exposition:
    """Answers requests for the metrics of one process, from a registry of its own.

    What the client says of any process (``process_cpu_seconds_total`` …) is in it.
    """

    def __init__(self, sources: Sequence[Source], pages: Pages) -> None:
        registry = CollectorRegistry()
        registry.register(_Sources(sources))
        ProcessCollector(registry=registry)
        attributes = {"registry": registry, "pages": pages}
        self._handler = type("_HandlerOfThese", (_Handler,), attributes)

    def answer(self, connection: socket.socket, client: object) -> None:
        """Reads one request and answers it.

        Raises:
            OSError: The client went away.
        """
        self._handler(connection, client, None)


class _Handler(MetricsHandler):
    timeout = _REQUEST_SECONDS
    pages: Pages

    def do_GET(  # type: ignore[explicit-override]  # noqa: N802 - the standard library's name
        self,  # typing.override comes with Python 3.12
    ) -> None:
        path = urlsplit(self.path).path
        if path == PATH:
            super().do_GET()
        elif page := page_of(self.pages, path):
            self._send(page(path))
        else:
            self.send_error(404, explain=f"There is {', '.join((PATH, *self.pages))}.")

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def version_string(self) -> str:  # type: ignore[explicit-override]  # as above
        return "jobyard"


class _Sources(Collector):
    """The client's view of our sources, read anew for each scrape."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

    def describe(self) -> Iterator[Family]:
        return (Family(source.metric.name, "", source.metric.kind) for source in self._sources)

    def collect(self) -> Iterator[Family]:  # type: ignore[explicit-override]  # as above
        return map(_family_of, self._sources)


def _family_of(source: Source) -> Family:
    if isinstance(source, Histogram):
        return _histogram_of(source)
    metric = source.metric
    make = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = make(metric.name, metric.meaning, labels=metric.labels)
    for labels, value in source.read().items():
        family.add_metric(labels, value)
    return family


def _histogram_of(source: Histogram) -> Family:
    metric = source.metric
    bounds = [*map(floatToGoString, metric.buckets), "+Inf"]
    family = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    for labels, distribution in source.read().items():
        buckets = list(zip(bounds, accumulate(distribution.counts.copy()), strict=True))
        family.add_metric(labels, buckets, distribution.total)
    return family
