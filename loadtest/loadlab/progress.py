"""One line of how the run goes, from what is on disk so far."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from loadlab.files import ACKNOWLEDGED, BEGUN

if TYPE_CHECKING:
    from pathlib import Path

    from loadlab.follower import Follower
    from loadlab.sampler import Sampler
    from loadlab.scenario import Scenario


class Progress:
    """Reads only what was added since the last look."""

    def __init__(
        self, directory: Path, scenario: Scenario, sampler: Sampler, follower: Follower
    ) -> None:
        self._directory = directory
        self._scenario = scenario
        self._sampler = sampler
        self._follower = follower
        self._acknowledged = 0
        self._read_upto = 0

    def open_jobs(self) -> int:
        """Acknowledged jobs of which no end was told yet, if nobody else submits any."""
        return self._count() - self._follower.ended

    def line(self) -> str:
        """How it goes now."""
        sample = self._sampler.latest
        queues, workers = sample.get("queues") or {}, sample.get("workers") or {}
        second = time.time() - float((self._directory / BEGUN).read_text())
        return (
            f"{second:5.0f} s  asked {self._scenario.shape.rate_at(second):.0f}/s  "
            f"acknowledged {self._count()}  ended {self._follower.ended}  "
            f"queued {queues.get('queued', '-')}  "
            f"oldest {queues.get('oldest_age_seconds', 0.0):.1f} s  "
            f"workers {workers.get('all', '-')}"
        )

    def _count(self) -> int:
        path = self._directory / ACKNOWLEDGED
        if path.exists():
            with path.open("rb") as file:
                file.seek(self._read_upto)
                added = file.read()
            self._read_upto += len(added)
            self._acknowledged += added.count(b"\n")
        return self._acknowledged
