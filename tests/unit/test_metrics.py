"""Metrics: closed definitions, values as Prometheus reads them, and a port that costs nothing."""

from __future__ import annotations

import errno
import gzip
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import httpx
import pytest
from prometheus_client.openmetrics import parser as openmetrics

from jobyard.observability.endpoint import metrics_served
from jobyard.observability.health import health_pages
from jobyard.observability.metrics import (
    ALL,
    JOB_RUN_SECONDS,
    JOB_WAIT_SECONDS,
    JOBS_COMPLETED,
    LABELS,
    SCHEDULER_LAST_TICK,
    SETTLEMENTS_REFUSED,
    STOCK_WORKERS,
    Kind,
    Labels,
    Metric,
)
from jobyard.observability.pages import Answer
from jobyard.observability.values import Counter, Gauge, Histogram, Reading, Source
from support.scraping import Samples
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = [metric.name for metric in ALL]


@contextmanager
def served(*sources: Source) -> Iterator[str]:
    with metrics_served("127.0.0.1", 0, sources) as port:
        assert port
        yield f"http://127.0.0.1:{port}"


def scraped(*sources: Source) -> Samples:
    with served(*sources) as url:
        return Samples(httpx.get(f"{url}/metrics").text)


@pytest.mark.parametrize("metric", ALL, ids=NAMES)
def test_a_metric_is_named_as_prometheus_asks_and_its_labels_are_closed_sets(
    metric: Metric,
) -> None:
    assert metric.name.startswith("jobyard_")
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert set(metric.labels) <= LABELS.keys()
    assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
    assert all(low < high for low, high in pairwise(metric.buckets))


def test_no_name_is_given_twice() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_a_counter_is_shown_by_labels_and_what_is_known_from_the_start() -> None:
    completed = Counter(JOBS_COMPLETED)
    refused = Counter(SETTLEMENTS_REFUSED, ("stale",))

    for _ in range(3):
        completed.add(("q", "add", "succeeded"))

    samples = scraped(completed, refused)
    total = samples.value(JOBS_COMPLETED.name, queue="q", task="add", outcome="succeeded")
    assert total == 3
    assert samples.value(SETTLEMENTS_REFUSED.name, reason="stale") == 0
    assert samples.value(SETTLEMENTS_REFUSED.name, reason="vanished") is None


def test_a_histogram_is_cumulative_and_a_bound_is_part_of_its_bucket() -> None:
    waits = Histogram(JOB_WAIT_SECONDS)

    for seconds in (0.001, 0.002, 7_200):
        waits.observe(seconds, ("q",))

    name, samples = JOB_WAIT_SECONDS.name, scraped(waits)
    bounds = ("0.001", "0.0025", "3600.0", "+Inf")
    assert [samples.value(f"{name}_bucket", queue="q", le=le) for le in bounds] == [1, 2, 2, 3]
    assert samples.value(f"{name}_count", queue="q") == 3
    assert samples.value(f"{name}_sum", queue="q") == pytest.approx(7200.003)


def test_a_gauge_is_not_shown_before_it_is_known() -> None:
    stock = Gauge(STOCK_WORKERS)
    ticks: dict[Labels, float] = {("reaper",): 5.0}
    sources: list[Source] = [stock, Reading(SCHEDULER_LAST_TICK, lambda: ticks)]

    before = scraped(*sources)
    stock.set(2)
    ticks[("reaper",)] = 6.0
    after = scraped(*sources)

    assert before.value(STOCK_WORKERS.name) is None
    assert after.value(STOCK_WORKERS.name) == 2
    assert [
        samples.value(SCHEDULER_LAST_TICK.name, loop="reaper") for samples in (before, after)
    ] == [5, 6]


def test_what_is_shown_has_a_meaning_and_a_type() -> None:
    samples = scraped(Counter(JOBS_COMPLETED), Histogram(JOB_RUN_SECONDS), Gauge(STOCK_WORKERS))
    families = samples.ours

    assert [family.type for family in families] == ["counter", "histogram", "gauge"]
    assert [family.documentation for family in families] == [
        metric.meaning for metric in (JOBS_COMPLETED, JOB_RUN_SECONDS, STOCK_WORKERS)
    ]


def test_openmetrics_and_compression_are_understood() -> None:
    completed = Counter(JOBS_COMPLETED)
    completed.add(("q", "add", "failed"))
    accepted = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}

    with (
        served(completed) as url,
        urlopen(Request(f"{url}/metrics", headers=accepted)) as answer,
    ):
        text = gzip.decompress(answer.read()).decode()

    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


def test_nothing_else_is_served_and_a_broken_client_ends_nothing() -> None:
    with served(Gauge(STOCK_WORKERS)) as url:
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        socket.create_connection(address).close()
        with socket.create_connection(address) as client:
            client.sendall(b"\0\xff no http\r\n\r\n")

        assert httpx.get(f"{url}/").status_code == 404
        assert httpx.post(f"{url}/metrics").status_code == 501
        assert httpx.get(f"{url}/metrics").status_code == 200


def test_some_metrics_can_be_asked_for_by_name() -> None:
    with served(Counter(SETTLEMENTS_REFUSED, ("stale",)), Gauge(STOCK_WORKERS)) as url:
        asked = httpx.get(f"{url}/metrics", params={"name[]": SETTLEMENTS_REFUSED.name})

    assert [family.type for family in Samples(asked.text).families] == ["counter"]


def test_a_scrape_that_fails_does_not_end_the_next_ones() -> None:
    ticks = [ValueError("no clock")]

    def read() -> dict[Labels, float]:
        if ticks:
            raise ticks.pop()
        return {("reaper",): 5.0}

    with served(Reading(SCHEDULER_LAST_TICK, read)) as url:
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{url}/metrics")
        after = Samples(httpx.get(f"{url}/metrics").text)

    assert after.value(SCHEDULER_LAST_TICK.name, loop="reaper") == 5


class Scarce:
    """A listener for which there was no descriptor once."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.failures = [OSError(errno.EMFILE, "Too many open files")]

    def accept(self) -> object:
        if self.failures:
            raise self.failures.pop()
        return self.listener.accept()

    def __getattr__(self, name: str) -> object:
        return getattr(self.listener, name)


def test_a_connection_that_could_not_be_accepted_is_answered_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listener = Scarce(socket.create_server(("127.0.0.1", 0)))
    monkeypatch.setattr("jobyard.observability.endpoint._listen", lambda *_: listener)
    monkeypatch.setattr("jobyard.observability.endpoint._PAUSE_SECONDS", 0.0)

    with served() as url:
        assert httpx.get(f"{url}/metrics").status_code == 200

    assert not listener.failures


def test_a_port_is_free_again_and_its_thread_gone_when_it_is_served_no_longer() -> None:
    with metrics_served("127.0.0.1", 0, []) as port:
        assert port

    with metrics_served("127.0.0.1", port, []) as again:
        assert again == port
    wait_for(lambda: "metrics" not in {thread.name for thread in threading.enumerate()})


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
@pytest.mark.parametrize("host", ["::", "::1"])
def test_addresses_of_ipv6_are_served(host: str) -> None:
    with metrics_served(host, 0, []) as port:
        assert httpx.get(f"http://[::1]:{port}/metrics").status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "no.such.host.invalid"])
def test_a_port_that_cannot_be_had_is_no_reason_to_stop(host: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        metrics_served(host, taken.getsockname()[1], []) as port,
    ):
        assert port is None


_FORKS = """
import os, sys
from jobyard.observability.endpoint import metrics_served
with metrics_served("127.0.0.1", 0, []) as port:
    sys.stderr.write(f"{port}\\n")
    if os.fork() == 0:
        sys.stdin.read()
    os._exit(0)  # as one that is killed
"""


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def test_what_forked_does_not_keep_the_port() -> None:
    forking = subprocess.Popen(
        [sys.executable, "-c", _FORKS],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert forking.stdin
    assert forking.stderr
    port = int(forking.stderr.readline())
    assert forking.wait(30) == 0

    wait_for(lambda: is_free(port))

    forking.stdin.close()
    forking.stderr.close()


def test_another_page_is_served_with_what_is_below_it() -> None:
    pages = {"/about": lambda path: Answer(418, path.encode(), "text/plain")}

    with metrics_served("127.0.0.1", 0, [], pages) as port:
        answers = [
            httpx.get(f"http://127.0.0.1:{port}{path}")
            for path in ("/about", "/about/me?x=1", "/abouts", "/metrics")
        ]

    assert [answer.status_code for answer in answers] == [418, 418, 404, 200]
    assert [answer.text for answer in answers[:2]] == ["/about", "/about/me"]
    assert "/metrics, /about" in answers[2].text


def test_a_client_that_is_silent_keeps_no_other_waiting() -> None:
    with served(Gauge(STOCK_WORKERS)) as url:
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        with socket.create_connection(address), socket.create_connection(address):
            assert httpx.get(f"{url}/metrics", timeout=4).status_code == 200


def test_health_says_what_is_wrong() -> None:
    pages = health_pages(lambda: "", lambda: "no store")

    with metrics_served("127.0.0.1", 0, [], pages) as port:
        live, ready = (httpx.get(f"http://127.0.0.1:{port}/{name}z") for name in ("live", "ready"))

    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (503, {"status": "failing", "reason": "no store"})


_PROBED = """
import sys, urllib.request
from jobyard.observability.endpoint import metrics_served
from jobyard.observability.health import health_pages
with metrics_served("127.0.0.1", 0, [], health_pages(str, str)) as port:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/livez")
    sys.exit("prometheus_client" in sys.modules)
"""


def test_a_process_that_is_only_probed_does_not_import_the_client() -> None:
    assert subprocess.run([sys.executable, "-c", _PROBED], check=False).returncode == 0


def test_the_last_example_of_a_bucket_is_shown_where_openmetrics_is_asked_for() -> None:
    runs = Histogram(JOB_RUN_SECONDS)
    for seconds, trace_id in ((0.3, "a" * 32), (0.4, "b" * 32), (0.45, ""), (7_200.0, "c" * 32)):
        runs.observe(seconds, ("q", "add"), trace_id)

    with served(runs) as url:
        plain = httpx.get(f"{url}/metrics").text
        accepted = {"Accept": "application/openmetrics-text; version=1.0.0"}
        shown = httpx.get(f"{url}/metrics", headers=accepted).text

    examples = {
        sample.labels["le"]: (sample.exemplar.labels["trace_id"], sample.exemplar.value)
        for family in openmetrics.text_string_to_metric_families(shown)  # type: ignore[no-untyped-call]  # the client's
        for sample in family.samples
        if sample.exemplar
    }
    assert examples == {"0.5": ("b" * 32, 0.4), "+Inf": ("c" * 32, 7_200.0)}
    assert "trace_id" not in plain
