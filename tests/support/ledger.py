"""A ledger outside the store: tasks append a line when they start and end; tests verify it."""

from __future__ import annotations

import itertools
import os
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LEDGER_VARIABLE = "JOBYARD_TEST_LEDGER"
TASK_MODULE = "support.ledger_tasks"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: ``start|end job_id token attempt pid time_ns`` (``time.time_ns``)."""

    event: str
    job_id: str
    token: str
    attempt: int
    pid: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class Run:
    """One delivery that began; ``end`` is None when it never came to its end."""

    start: Entry
    end: Entry | None


def append(event: str, job_id: str, token: str, attempt: int) -> None:
    """Adds a line with one write, so that lines of several processes never mix."""
    line = f"{event} {job_id} {token} {attempt} {os.getpid()} {time.time_ns()}\n"
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    descriptor = os.open(os.environ[LEDGER_VARIABLE], flags, 0o644)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


class Ledger:
    """Reads a ledger file. A missing file is an empty ledger."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> list[Entry]:
        """All lines in the order they were written."""
        if not self.path.exists():
            return []
        lines = self.path.read_text().splitlines(keepends=True)
        return [_parse(line) for line in lines if line.endswith("\n")]

    def runs(self) -> dict[str, list[Run]]:
        """Job id → its deliveries in order of their start."""
        ends = {(line.job_id, line.token): line for line in self.entries() if line.event == "end"}
        runs: dict[str, list[Run]] = defaultdict(list)
        for line in self.entries():
            if line.event == "start":
                runs[line.job_id].append(Run(line, ends.get((line.job_id, line.token))))
        return runs

    def started(self) -> set[str]:
        """Ids of jobs that began at least once."""
        return {line.job_id for line in self.entries() if line.event == "start"}

    def ended(self) -> set[str]:
        """Ids of jobs that came to their end at least once."""
        return {line.job_id for line in self.entries() if line.event == "end"}

    def repeated(self) -> dict[str, list[Run]]:
        """Jobs that began more than once."""
        return {job_id: runs for job_id, runs in self.runs().items() if len(runs) > 1}

    def overlapping(self) -> set[str]:
        """Ids of jobs of which a later delivery began before an earlier one's recorded end."""
        return {job_id for job_id, runs in self.runs().items() if _overlap(runs)}

    def verify_complete(self, job_ids: Iterable[str]) -> None:
        """Asserts that each of ``job_ids`` ended, and that nothing else ran."""
        expected = set(job_ids)
        missing = expected - self.ended()
        foreign = self.started() - expected
        assert not missing, f"{len(missing)} jobs never ended, such as {sorted(missing)[:5]}"
        assert not foreign, f"{len(foreign)} unknown jobs ran, such as {sorted(foreign)[:5]}"

    def verify_once(self, job_ids: Iterable[str]) -> None:
        """Asserts that each of ``job_ids`` ran exactly once, to its end."""
        self.verify_complete(job_ids)
        repeated = self.repeated()
        assert not repeated, f"{len(repeated)} jobs ran again, such as {sorted(repeated)[:5]}"


def _parse(line: str) -> Entry:
    event, job_id, token, attempt, pid, time_ns = line.split()
    return Entry(event, job_id, token, int(attempt), int(pid), int(time_ns))


def _overlap(runs: list[Run]) -> bool:
    pairs = itertools.pairwise(runs)
    return any(a.end is not None and b.start.time_ns < a.end.time_ns for a, b in pairs)
