"""What the requests of each second came to, by series; small enough to be sent and merged."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loadlab.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MICROSECONDS = 1_000_000


@dataclass(slots=True)
class Cell:
    """One series in one second, by when the requests were due (not when they were sent).

    ``latency`` counts from when a request was due, ``service`` from when it was sent, and
    ``lateness`` is what lies between: the driver's own delay.
    """

    sent: int = 0
    answered: int = 0
    latency: Histogram = field(default_factory=Histogram)
    service: Histogram = field(default_factory=Histogram)
    lateness: Histogram = field(default_factory=Histogram)
    problems: dict[str, int] = field(default_factory=dict)

    def merge(self, other: Cell) -> None:
        """Adds another cell to this one."""
        self.sent += other.sent
        self.answered += other.answered
        self.latency.merge(other.latency.counts)
        self.service.merge(other.service.counts)
        self.lateness.merge(other.lateness.counts)
        for problem, count in other.problems.items():
            self.problems[problem] = self.problems.get(problem, 0) + count

    def as_json(self) -> dict[str, Any]:
        """Plain values, which ``from_json`` reads."""
        return {
            "sent": self.sent,
            "answered": self.answered,
            "latency": self.latency.counts,
            "service": self.service.counts,
            "lateness": self.lateness.counts,
            "problems": self.problems,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Cell:
        """A cell from ``as_json``, before or after its way through JSON."""
        latency, service, lateness = (
            Histogram({int(bucket): count for bucket, count in values[name].items()})
            for name in ("latency", "service", "lateness")
        )
        problems = dict(values["problems"])
        return cls(values["sent"], values["answered"], latency, service, lateness, problems)


class Recorder:
    """Collects what happens until it is drained."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, str], Cell] = {}

    def sent(self, series: str, due: float, sent: float) -> None:
        """A request has left that was due at ``due`` (Unix seconds, as all times here)."""
        cell = self._cell(series, due)
        cell.sent += 1
        cell.lateness.add(round((sent - due) * MICROSECONDS))

    def answered(self, series: str, due: float, sent: float, ended: float) -> None:
        """Its answer came."""
        cell = self._cell(series, due)
        cell.answered += 1
        cell.latency.add(round((ended - due) * MICROSECONDS))
        cell.service.add(round((ended - sent) * MICROSECONDS))

    def failed(self, series: str, due: float, problem: str) -> None:
        """It was refused or not answered; ``problem`` is from a small set of words."""
        problems = self._cell(series, due).problems
        problems[problem] = problems.get(problem, 0) + 1

    def drain(self) -> list[dict[str, Any]]:
        """All since the last call, as plain values."""
        cells, self._cells = self._cells, {}
        return [
            {"second": second, "series": series, **cell.as_json()}
            for (second, series), cell in cells.items()
        ]

    def _cell(self, series: str, due: float) -> Cell:
        key = (int(due), series)
        if key not in self._cells:
            self._cells[key] = Cell()
        return self._cells[key]


@dataclass(slots=True)
class Series:
    """One series of a whole run; its seconds have no ``service`` and no ``lateness``."""

    whole: Cell = field(default_factory=Cell)
    seconds: dict[int, Cell] = field(default_factory=dict)

    def add(self, second: int, cell: Cell) -> None:
        """Adds what happened in a second, or a part of it."""
        self.whole.merge(cell)
        cell.service, cell.lateness = Histogram(), Histogram()
        self.seconds.setdefault(second, Cell()).merge(cell)


def merge(records: Iterable[dict[str, Any]]) -> dict[str, Series]:
    """Series by name, from drained records in any order."""
    merged: dict[str, Series] = {}
    for record in records:
        series = merged.setdefault(record["series"], Series())
        series.add(record["second"], Cell.from_json(record))
    return merged


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The complete lines of a file of records; none when there is no file."""
    if not path.exists():
        return
    with path.open() as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)
