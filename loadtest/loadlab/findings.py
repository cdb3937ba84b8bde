"""Everything that a run's files say, as one plain value: the JSON report, and the page's data."""

from __future__ import annotations

import itertools
import json
import os
import platform
from typing import TYPE_CHECKING, Any

from loadlab import memory, recorder
from loadlab.arrivals import Timetable
from loadlab.files import ACCOUNT, BEGUN, MARKS, REQUESTS, SAMPLES, SCENARIO
from loadlab.histogram import Histogram
from loadlab.scenario import Scenario

if TYPE_CHECKING:
    from pathlib import Path

    from loadlab.recorder import Series

DELAYED_SECONDS = 0.1
END_TO_END = "JOB end-to-end"
SUBMIT = "POST /v1/jobs"
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999, "max": 1.0}
_CURVE_POINTS = 120
_LATER = ("GET …/result", "GET /v1/jobs/{id}", "GET /job-status/{id}", END_TO_END)
"""Series that follow from an arrival; they are no arrivals themselves."""


def gather(directory: Path) -> dict[str, Any]:
    """All of a run. Latencies are milliseconds, moments seconds from the run's start."""
    scenario = Scenario.model_validate_json((directory / SCENARIO).read_text())
    began = float((directory / BEGUN).read_text())
    series = recorder.merge(recorder.read(directory / REQUESTS))
    samples = [_sample(sample, began) for sample in recorder.read(directory / SAMPLES)]
    return {
        "scenario": scenario.model_dump(mode="json"),
        "began": began,
        "load": {**_load(scenario, series), "driver_seconds": _driver_seconds(samples)},
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}",
        "later": list(_LATER),
        "account": json.loads((directory / ACCOUNT).read_text()),
        "series": {name: _series(each, began) for name, each in sorted(series.items())},
        "problems": _problems(series, began),
        "rates": [
            [second, scenario.shape.rate_at(second)] for second in range(int(scenario.seconds))
        ],
        "samples": samples,
        "memory": memory.growth(samples, scenario.seconds),
        "marks": [
            {"second": mark["at"] - began, "text": mark["text"]}
            for mark in recorder.read(directory / MARKS)
        ],
    }


def _load(scenario: Scenario, series: dict[str, Series]) -> dict[str, Any]:
    """Whether what was asked for was sent; ``requests`` and ``failed`` count what followed, too."""
    arrivals = [each.whole for name, each in series.items() if name not in _LATER]
    sent = sum(cell.sent for cell in arrivals)
    lateness = Histogram()
    for cell in arrivals:
        lateness.merge(cell.lateness.counts)
    wanted = Timetable(scenario.shape, scenario.seconds).total
    return {
        "asked": wanted,
        "sent": sent,
        "answered": sum(cell.answered for cell in arrivals),
        "achieved_share": sent / wanted if wanted else 1.0,
        "lateness": quantiles(lateness),
        "requests": sum(each.whole.sent for each in series.values()),
        "failed": sum(sum(each.whole.problems.values()) for each in series.values()),
    }


def _driver_seconds(samples: list[dict[str, Any]]) -> float:
    """Processor time of Locust's processes from the run's start on."""
    seconds = 0.0
    for before, after in itertools.pairwise(samples):
        taken = after["second"] - before["second"]
        for process in after["processes"]:
            if process["kind"] == "locust" and after["second"] > 0:
                seconds += taken * process["cpu_percent"] / 100
    return seconds


def _problems(series: dict[str, Series], began: float) -> dict[str, list[list[int]]]:
    """Problem → ``[second, times]`` over all series."""
    times: dict[str, dict[int, int]] = {}
    for each in series.values():
        for second, cell in each.seconds.items():
            for problem, count in cell.problems.items():
                at = times.setdefault(problem, {})
                at[second - int(began)] = at.get(second - int(began), 0) + count
    return {problem: [list(each) for each in sorted(at.items())] for problem, at in times.items()}


def _series(series: Series, began: float) -> dict[str, Any]:
    whole = series.whole
    return {
        "sent": whole.sent,
        "answered": whole.answered,
        "delayed": whole.latency.above(round(DELAYED_SECONDS * recorder.MICROSECONDS)),
        "problems": whole.problems,
        "latency": quantiles(whole.latency),
        "service": quantiles(whole.service),
        "curve": curve(whole.latency),
        "seconds": [
            [
                second - int(began),
                cell.sent,
                cell.answered,
                sum(cell.problems.values()),
                *(_ms(cell.latency.quantile(share)) for share in (0.5, 0.99, 1.0)),
            ]
            for second, cell in sorted(series.seconds.items())
        ],
    }


def quantiles(histogram: Histogram) -> dict[str, float | None]:
    """The usual quantiles in milliseconds."""
    return {name: _ms(histogram.quantile(share)) for name, share in _QUANTILES.items()}


def row(second: int, histogram: Histogram) -> list[float | None]:
    """``[second, how many, p50, p99, slowest]``, latencies in milliseconds."""
    quantile = histogram.quantile
    return [second, histogram.total, *(_ms(quantile(share)) for share in (0.5, 0.99, 1.0))]


def curve(histogram: Histogram) -> list[list[float]]:
    """Points ``[share above, milliseconds]``, evenly far from each other in nines."""
    total = histogram.total
    points = [[1 - upto / total, value / 1_000] for value, upto in histogram.cumulated()]
    step = max(1, len(points) // _CURVE_POINTS)
    return points[::step] + points[-1:] if points else []


def _sample(sample: dict[str, Any], began: float) -> dict[str, Any]:
    return {"second": sample.pop("at") - began, **sample}


def _ms(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1_000
