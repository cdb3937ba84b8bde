"""What a load test keeps of each second, and what it finds in it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab import recorder
from loadlab.histogram import Histogram, bucket_of, middle_of
from loadlab.recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path

VALUES = st.integers(0, 10**9)


@given(VALUES)
def test_a_bucket_is_narrower_than_two_percent(value: int) -> None:
    assert middle_of(bucket_of(value)) == pytest.approx(value, rel=0.016, abs=0.5)


@given(VALUES, VALUES)
def test_greater_values_are_in_no_lower_bucket(one: int, other: int) -> None:
    low, high = sorted((one, other))

    assert bucket_of(low) <= bucket_of(high)


@given(st.lists(VALUES, min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_that_of_the_sorted_values(values: list[int], share: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)

    exact = sorted(values)[math.ceil(share * len(values)) - 1]
    assert histogram.quantile(share) == pytest.approx(exact, rel=0.016, abs=0.5)


@given(st.lists(VALUES, max_size=50), st.lists(VALUES, max_size=50))
def test_two_histograms_merge_to_that_of_all_values(some: list[int], others: list[int]) -> None:
    one, other, both = Histogram(), Histogram(), Histogram()
    for histogram, values in ((one, some), (other, others), (both, some + others)):
        for value in values:
            histogram.add(value)

    one.merge(other.counts)

    assert one == both


def test_an_empty_histogram_has_no_quantile() -> None:
    assert Histogram().quantile(0.5) is None


def test_a_clock_that_went_back_counts_as_no_time() -> None:
    histogram = Histogram()

    histogram.add(-5)

    assert histogram.quantile(1.0) == 0


def test_latency_counts_from_when_a_request_was_due() -> None:
    records = Recorder()
    records.sent("s", due=100.0, sent=101.0)
    records.answered("s", due=100.0, sent=101.0, ended=101.5)

    series = recorder.merge(records.drain())["s"]

    cell = series.whole
    assert series.seconds[100].latency == cell.latency
    assert cell.latency.quantile(1.0) == pytest.approx(1_500_000, rel=0.016)
    assert cell.lateness.quantile(1.0) == pytest.approx(1_000_000, rel=0.016)
    assert cell.service.quantile(1.0) == pytest.approx(500_000, rel=0.016)


def test_what_is_drained_in_parts_and_written_as_json_is_the_same_in_all(tmp_path: Path) -> None:
    records = Recorder()
    drained: list[dict[str, Any]] = []
    for place in range(3):
        records.sent("s", 7.1, 7.2)
        records.answered("s", 7.1, 7.2, 7.3 + place)
        records.failed("s", 7.9, "closed")
        drained += records.drain()
    path = tmp_path / "requests.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in drained) + '{"half a li')

    cell = recorder.merge(recorder.read(path))["s"].seconds[7]

    assert (cell.sent, cell.answered, cell.problems) == (3, 3, {"closed": 3})
    assert cell.latency.total == 3
    assert records.drain() == []


def test_a_run_without_requests_has_no_records(tmp_path: Path) -> None:
    assert list(recorder.read(tmp_path / "none.jsonl")) == []
