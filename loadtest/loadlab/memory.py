"""Whether memory is flat after the warm-up: the second quarter of a run against its last."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LEAST_SAMPLES = 10


def growth(samples: Sequence[dict[str, Any]], seconds: float) -> list[dict[str, Any]]:
    """Each process that lived in both quarters, and the store's data, with medians in bytes.

    ``share`` is by how much the later median is greater, as a part of the earlier one.
    """
    early = _by_name(samples, seconds / 4, seconds / 2)
    late = _by_name(samples, seconds * 3 / 4, seconds)
    return [
        _compared(name, early[name], late[name])
        for name in early
        if name in late and min(len(early[name]), len(late[name])) >= _LEAST_SAMPLES
    ]


def _compared(name: str, early: Sequence[int], late: Sequence[int]) -> dict[str, Any]:
    before, after = statistics.median(early), statistics.median(late)
    return {"name": name, "early": before, "late": after, "share": after / before - 1}


def _by_name(samples: Sequence[dict[str, Any]], start: float, end: float) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for sample in samples:
        if start <= sample["second"] < end:
            for name, size in _sizes(sample):
                found.setdefault(name, []).append(size)
    return found


def _sizes(sample: dict[str, Any]) -> Iterator[tuple[str, int]]:
    for process in sample["processes"]:
        yield f"{process['kind']} (pid {process['pid']})", process["rss"]
        if "used_memory" in process:
            yield "data in the store", process["used_memory"]
