"""What a fault did to jobs: counted from the ledger outside the store, and from the records."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from chaos.arena import LEASE_SECONDS, SLOTS
from jobyard.states import State
from jobyard.store import calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaos.arena import Arena
    from support.ledger import Run

_TERMINAL_COUNTERS = ("succeeded", "failed", "canceled", "expired")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Sums over one or many faults; added with ``+``."""

    kills: int = 0
    unreached: int = 0
    """Points that a process did not come to this time."""
    lost: int = 0
    """Jobs without a record, or not in the state in which they had to end."""
    doubled: int = 0
    """Starts too many: of runs that no settlement and no release accounts for."""
    allowed: int = 0
    """Busy slots and one unsettled batch for each kill of a worker."""
    stale: int = 0
    """Settlements that changed a job which was not that delivery's any more."""
    refused: int = 0
    """Such settlements that the store refused."""
    slowest_seconds: float = 0.0
    """From the death until all that the dead worker held waited again."""
    complaints: tuple[str, ...] = field(default=())
    """Whatever else is wrong, in words."""

    def __add__(self, other: Verdict) -> Verdict:
        """Counts are added; the slowest is the slowest of both."""
        sums: dict[str, Any] = {
            it.name: getattr(self, it.name) + getattr(other, it.name) for it in fields(self)
        }
        slowest = max(self.slowest_seconds, other.slowest_seconds)
        return Verdict(**{**sums, "slowest_seconds": slowest})

    @property
    def is_clean(self) -> bool:
        """Whether all that is promised held."""
        return not (self.lost or self.stale or self.complaints or self.doubled > self.allowed)


@dataclass(frozen=True, slots=True)
class Case:
    """Jobs of one queue that a fault may have hit."""

    name: str
    queue: str
    ids: Sequence[str]
    ends: State
    deaths_ns: Sequence[int] = ()
    """When workers of the queue died."""
    slots: int = SLOTS
    expected: int | None = None
    """How many jobs there must be, where some are made by others."""


def judge(arena: Arena, case: Case) -> Verdict:
    """Looks at every job of a case; all of them must have come to rest."""
    runs = arena.ledger.runs()
    found = [_Found.of(arena, job_id, runs.get(job_id, [])) for job_id in case.ids]
    lost = [it for it in found if it.state is not case.ends]
    stale = [it for it in found if it.is_stale]
    unaccounted = [run for it in found for run in it.unaccounted()]
    complaints = [f"{case.name}: job {it.id} is {it.state}, not {case.ends}" for it in lost]
    complaints += [f"{case.name}: job {it.id} was settled by {it.settled}" for it in stale]
    complaints += _surplus(arena, case, found)
    return Verdict(
        lost=len(lost),
        stale=len(stale) + max(0, _ends(arena, case) - len(case.ids)),
        refused=_counters(arena, case.queue).get("stale", 0),
        doubled=len(unaccounted),
        allowed=_allowed(case, unaccounted),
        complaints=tuple(complaints),
    )


def _allowed(case: Case, unaccounted: list[Run]) -> int:
    """What ran at a death may run again, at most a slot's each; so may what ended unsettled."""
    allowed = 0
    for death in case.deaths_ns:
        before = [run for run in unaccounted if run.start.time_ns <= death]
        unsettled = [run for run in before if run.end is not None and run.end.time_ns <= death]
        allowed += case.slots + min(len(unsettled), calls.BATCH)
    return allowed


def _surplus(arena: Arena, case: Case, found: list[_Found]) -> list[str]:
    """Each job ends once, also in the counters."""
    ends, stored = _ends(arena, case), len(case.ids)
    complaints = []
    if ends != stored:
        complaints.append(f"{case.name}: {stored} jobs ended {ends} times")
    if case.expected is not None and stored != case.expected:
        complaints.append(f"{case.name}: there are {stored} jobs, not {case.expected}")
    last_death = max(case.deaths_ns, default=0)
    over_ns = last_death + LEASE_SECONDS * 1_000_000_000  # its child may yet begin what it was told
    late = [it.id for it in found for run in it.unaccounted() if run.start.time_ns > over_ns]
    if late:
        complaints.append(f"{case.name}: {late} ran again for no death of a worker")
    return complaints


def _ends(arena: Arena, case: Case) -> int:
    counted = _counters(arena, case.queue)
    return sum(counted.get(name, 0) for name in _TERMINAL_COUNTERS)


def _counters(arena: Arena, queue: str) -> dict[str, int]:
    found = arena.client.hgetall(arena.store.keys.counters(queue))
    return {name.decode(): int(value) for name, value in found.items()}


@dataclass(frozen=True, slots=True)
class _Found:
    """One job: its record, its settlements in order (tokens), and its runs on the ledger."""

    id: str
    state: State | None
    settled: list[str]
    released: int
    runs: list[Run]

    @classmethod
    def of(cls, arena: Arena, job_id: str, runs: list[Run]) -> _Found:
        keys = arena.store.keys
        record = arena.store.run(calls.read(job_id))
        rows = arena.client.xrange(keys.results(job_id)) if record else []
        return cls(
            id=job_id,
            state=record.state if record else None,
            settled=[row[1].get(b"execution_id", b"").decode() for row in rows],
            released=int(arena.client.hget(keys.job(job_id), "releases") or 0),
            runs=runs,
        )

    def unaccounted(self) -> list[Run]:
        """Runs that neither a settlement nor a release ended, and so ran for nothing.

        The last run of a job that was given back and found to be canceled ended there.
        """
        open_ends = [run for run in self.runs if run.start.token not in self.settled]
        if open_ends and self.state is State.CANCELED and open_ends[-1] is self.runs[-1]:
            open_ends = open_ends[:-1]
        return open_ends[self.released :]

    @property
    def is_stale(self) -> bool:
        """Whether a delivery settled it twice, or one that was not its last settled it at last."""
        if len(set(self.settled)) != len(self.settled):
            return True
        started = [run.start.token for run in self.runs]
        settled = [token for token in self.settled if token in started]
        if not settled or self.state is State.CANCELED:
            return False
        return settled[-1] != started[-1]
