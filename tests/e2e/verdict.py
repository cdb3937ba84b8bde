"""What became of acknowledged jobs, by the ledger and by how pods ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from support.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Verdict:
    """Job ids by what is wrong with them, and pods that were killed."""

    acknowledged: int
    lost: list[str]
    doubled: list[str]
    handed_back: list[str]
    """They began more than once, and came to their end once: a worker gave them back."""
    killed: list[str]
    """Pods ended by SIGKILL."""

    def note(self, figure: Callable[[str, object], None]) -> None:
        """Puts the counts into the table of figures."""
        figure("acknowledged", self.acknowledged)
        for name in ("lost", "doubled", "handed_back", "killed"):
            figure(name.replace("_", " "), len(getattr(self, name)))

    def check(self, *, may_kill: bool = False) -> None:
        """Asserts that nothing was lost or doubled, and that nobody was killed."""
        assert not self.lost, f"{len(self.lost)} lost, such as {self.lost[:3]}"
        assert not self.doubled, f"{len(self.doubled)} doubled, such as {self.doubled[:3]}"
        assert may_kill or not self.killed, f"killed: {self.killed}"


def verify(ids: Iterable[str], ledger: Ledger, killed: list[str]) -> Verdict:
    """The verdict on acknowledged jobs."""
    acknowledged = set(ids)
    runs = ledger.runs()
    ends = {job_id: sum(run.end is not None for run in each) for job_id, each in runs.items()}
    foreign = set(runs) - acknowledged
    assert not foreign, f"unknown jobs ran: {sorted(foreign)[:3]}"
    return Verdict(
        acknowledged=len(acknowledged),
        lost=sorted(job_id for job_id in acknowledged if not ends.get(job_id)),
        doubled=sorted(job_id for job_id, count in ends.items() if count > 1),
        handed_back=sorted(job_id for job_id, each in runs.items() if len(each) > 1),
        killed=killed,
    )
