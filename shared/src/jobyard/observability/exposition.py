"""Metrics in Prometheus's words.

Imported by ``responder.py`` when somebody asks for the first time: the client takes 30 ms and
1.3 MB, which a process that nobody scrapes does not spend.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app
from prometheus_client import Metric as Family
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from jobyard.observability.metrics import Kind
from jobyard.observability.values import Histogram

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobyard.observability import values
    from jobyard.observability.values import Source


class Exposition:
    """The metrics of one process, from a registry of its own.

    What the client says of any process (``process_cpu_seconds_total`` …) is in it.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        registry = CollectorRegistry()
        registry.register(_Sources(sources))
        ProcessCollector(registry=registry)
        self._application = make_wsgi_app(registry)

    def answer(
        self, query: str, accept: str, accept_encoding: str
    ) -> tuple[int, Sequence[tuple[str, str]], bytes]:
        """Status, headers and body for a GET with this query and these headers."""
        begun: list[tuple[str, Sequence[tuple[str, str]]]] = []
        asked = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/metrics",
            "QUERY_STRING": query,
            "HTTP_ACCEPT": accept,
            "HTTP_ACCEPT_ENCODING": accept_encoding,
        }
        body = b"".join(self._application(asked, lambda *start: begun.append(start)))
        [(status, sent)] = begun
        return int(status.partition(" ")[0]), sent, body


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
        examples = distribution.exemplars.copy()
        sums = accumulate(distribution.counts.copy())
        buckets = [
            _bucket(bound, number, examples.get(place))
            for place, (bound, number) in enumerate(zip(bounds, sums, strict=True))
        ]
        family.add_metric(labels, buckets, distribution.total)
    return family


def _bucket(
    bound: str, number: float, example: values.Exemplar | None
) -> tuple[str, float] | tuple[str, float, Exemplar]:
    """An example is shown where OpenMetrics is asked for; the older format has no place for it."""
    if example is None:
        return bound, number
    labels = {"trace_id": example.trace_id}
    return bound, number, Exemplar(labels, example.value, example.at)
