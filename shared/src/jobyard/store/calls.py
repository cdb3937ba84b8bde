"""Every call to the store: which script, its arguments, and what its reply means. Pure.

Each function returns a ``Call`` that ``Store.run`` or ``AsyncStore.run`` sends. All are safe to
send twice. Lists are at most ``BATCH`` long, so that the server is never held for long.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from jobyard.states import RQStatus, State, rq_status, state_of
from jobyard.store import encoding
from jobyard.store.apart import LARGE_BYTES
from jobyard.store.reading.catalogue import read_published
from jobyard.store.reading.delivery import read_claim, read_delivery
from jobyard.store.reading.job import read_job
from jobyard.store.reading.oversight import read_counts, read_queues, read_unreadable, read_worker
from jobyard.store.records.delivery import Progressed, Renewal, Settled
from jobyard.store.records.job import CancelOutcome, Cursor, JobPage
from jobyard.store.records.submission import SubmitStatus, Submitted
from jobyard.store.records.upkeep import Promoted, Reaped, Trimmed
from jobyard.store.scripts import Script, script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from jobyard.store.records.catalogue import Published, TaskRecord
    from jobyard.store.records.delivery import Claim, RQEnded, Settlement
    from jobyard.store.records.job import JobRecord, UnreadablePage
    from jobyard.store.records.oversight import QueueInfo, WorkerInfo
    from jobyard.store.records.submission import Submission

T = TypeVar("T")

BATCH = 100
"""The most jobs in one call: ~1 ms of server time; larger batches are sent as several calls."""

LOOKS = 1000
"""How many jobs one page of a filtered listing looks at before it hands out what it found."""

_SOURCES = {
    State.QUEUED: "waiting",
    State.RUNNING: "wip",
    State.CANCELING: "wip",
    State.SCHEDULED: "scheduled",
    State.RETRYING: "scheduled",
    State.SUCCEEDED: "finished",
    State.FAILED: "failed",
    State.CANCELED: "canceled",
    State.EXPIRED: "canceled",
}


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call of one script: what is sent and how the reply is read."""

    script: Script
    sent: Sequence[Any]
    decode: Callable[[Any], T]

    def arguments(self, prefix: str) -> list[Any]:
        """``ARGV`` under a key prefix."""
        return [prefix, *self.sent]


def submit(
    submissions: Sequence[Submission],
    *,
    together: bool = False,
    deepest: int | None = None,
    large_bytes: int = LARGE_BYTES,
) -> Call[list[Submitted]]:
    """Stores jobs; the outcomes are in the order of ``submissions``.

    Args:
        submissions: The jobs.
        together: Nothing is stored where one is refused.
        deepest: How many jobs may wait in a queue, with its lanes; None for any number.
        large_bytes: A payload that is longer is kept apart from its job's hash.
    """
    may_refuse = together or deepest or any(map(_may_be_refused, submissions))
    sent: list[Any] = [int(together), deepest or ""] if may_refuse else []
    sent.append(len(submissions))
    for submission in submissions:
        sent += encoding.submission(submission, large_bytes)
    name = "admit" if may_refuse else "submit"
    return Call(script(name), sent, lambda reply: [_submitted(*row) for row in _rows(reply, 3)])


def fire(schedule: str, tick: datetime, submission: Submission) -> Call[Submitted]:
    """Stores the job of one tick, unless this or a later tick of the schedule was fired."""
    job = encoding.submission(submission, LARGE_BYTES)
    sent = [schedule, encoding.milliseconds(tick), *job]
    return Call(script("fire"), sent, lambda reply: _submitted(*reply))


def join(
    worker: str, *, pool: str, slots: int, lease_seconds: float, queues: Sequence[str] = ()
) -> Call[None]:
    """A worker's first word: its lease begins. ``queues`` are known from now on."""
    sent = [worker, pool, slots, round(lease_seconds * 1000), *queues]
    return Call(script("join"), sent, lambda _: None)


def renew(worker: str, *, lease_seconds: float, busy: int) -> Call[Renewal]:
    """Extends the lease, writes ``busy`` slots, brings the worker's mail."""
    return Call(script("renew"), [worker, round(lease_seconds * 1000), busy], _renewal)


def claim(worker: str, nonce: str, queues: Sequence[str], limit: int) -> Call[Claim]:
    """Takes up to ``limit`` jobs, emptying ``queues`` in order. Same nonce, same jobs."""
    sent = [worker, nonce, min(limit, BATCH), len(queues), *queues]
    return Call(script("claim"), sent, read_claim)


def settle(
    worker: str, settlements: Sequence[Settlement], *, large_bytes: int = LARGE_BYTES
) -> Call[list[Settled]]:
    """Ends deliveries; the outcomes are in the order of ``settlements``.

    A result, or a follow-up's payload, that is longer than ``large_bytes`` is kept apart.
    """
    now = time.monotonic()
    sent: list[Any] = [worker, len(settlements)]
    for settlement in settlements:
        sent += encoding.settlement(settlement, now, large_bytes)
    return Call(script("settle"), sent, _settled)


def settle_rq(worker: str, settlements: Sequence[RQEnded]) -> Call[list[Settled]]:
    """Ends deliveries of jobs that plain RQ code enqueued, as ``settle``."""
    now = time.monotonic()
    sent: list[Any] = [worker, len(settlements)]
    for settlement in settlements:
        sent += encoding.rq_settlement(settlement, now)
    return Call(script("settle_rq"), sent, _settled)


def release(
    worker: str, deliveries: Sequence[tuple[str, str]], *, started: bool = True
) -> Call[list[Settled]]:
    """Gives deliveries ``(id, token)`` back to the head of their queues, in this order.

    After ten times that a job was ``started`` it is a dead letter: it is longer than any grace.
    """
    pairs = [part for delivery in deliveries for part in delivery]
    sent = [worker, int(started), len(deliveries), *pairs]
    return Call(script("release"), sent, _settled)


def held(worker: str) -> Call[list[tuple[str, str]]]:
    """All that the store counts as in the hands of a worker, as ``(id, token)``."""
    return Call(script("held"), [worker], lambda reply: [read_delivery(each) for each in reply])


def reap(*, lease_seconds: float, limit: int = BATCH) -> Call[Reaped]:
    """Gives back what workers with an expired lease held."""
    return Call(script("reap"), [limit, round(lease_seconds * 1000), ""], _reaped)


def leave(worker: str, *, limit: int = BATCH) -> Call[Reaped]:
    """Gives back all that one worker holds and removes it. Call again while ``more``."""
    return Call(script("reap"), [limit, 0, worker], _reaped)


def promote(*, limit: int = BATCH) -> Call[Promoted]:
    """Moves what is due into its queue."""
    return Call(script("promote"), [limit], _promoted)


def cancel(
    ids: Sequence[str], owner: str | None = None
) -> Call[list[tuple[CancelOutcome, State | None]]]:
    """Cancels jobs that wait, asks running ones to stop; the state is the one afterwards.

    With an ``owner``, jobs of others are missing.
    """
    sent = [owner or "", *ids]
    return Call(script("cancel"), sent, lambda reply: [_canceled(*row) for row in _rows(reply, 2)])


EVENT_BYTES = 16 * 1024 * 1024
"""What the changes of one queue may take: those of some 80 000 jobs."""


def prune(*, limit: int = 1000, event_bytes: int = EVENT_BYTES) -> Call[dict[str, int]]:
    """Forgets terminal jobs whose TTL is over; returns how many of which queues.

    The changes of a queue that take more than ``event_bytes`` are forgotten as well, oldest first.
    """
    return Call(script("prune"), [limit, event_bytes], lambda reply: dict(read_counts(reply)))


def tidy(*, limit: int = 1000) -> Call[int]:
    """Takes out of lists and of unique keys what is gone without a word; returns how much."""
    return Call(script("tidy"), [limit], int)


def trim(queue: str, *, budget_bytes: int = 0, limit: int = 200) -> Call[Trimmed]:
    """Measures what ended jobs of a queue take; above a budget (0: none) forgets some of them."""
    return Call(script("trim"), [queue, budget_bytes, limit], _trimmed)


def tend_rq(*, limit: int = 100) -> Call[int]:
    """Does what RQ's own maintenance does; returns how many jobs became ready."""
    return Call(script("tend_rq"), [limit], int)


def progress(job_id: str, token: str, value: bytes) -> Call[Progressed]:
    """Keeps what a running task says of itself, as JSON, and tells it, but not too often."""
    return Call(
        script("progress"), [job_id, token, value], lambda reply: Progressed(reply.decode())
    )


def read(job_id: str, owner: str | None = None) -> Call[JobRecord | None]:
    """One job with its history; None when there is none, or it is not the ``owner``'s."""
    return Call(
        script("read"),
        [job_id, owner or ""],
        lambda reply: _job(job_id, reply),
    )


def list_jobs(
    queue: str | None = None,
    *,
    owner: str | None = None,
    states: frozenset[State] = frozenset(),
    task: str | None = None,
    tag: str | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    before: Cursor | None = None,
    limit: int = 50,
) -> Call[JobPage]:
    """One page, newest first (by submission; by the state's own time where one is asked for).

    Of a queue with its lanes, of an ``owner``, of a ``tag``, or of everything. ``created_after`` is
    in it, ``created_before`` is not. May hold fewer than ``limit`` with ``next`` set: it looked at
    ``LOOKS`` jobs.
    """
    place = [repr(before.score), before.id] if before else ["", ""]
    times = [encoding.milliseconds(at) if at else "" for at in (created_after, created_before)]
    patterns = sorted({pattern for state in states for pattern in encoding.patterns(state)})
    if states and not patterns:
        patterns = ["none"]  # no stored job can have such a state
    source = "tag" if tag else "tenant" if owner else _source(states)
    asked = [source, queue or "", owner or "", tag or "", task or "", *times]
    return Call(script("list"), [*asked, *place, limit, LOOKS, *patterns], _page)


def queues() -> Call[list[QueueInfo]]:
    """Every queue with its depths, by name."""
    return Call(script("queues"), [], read_queues)


def unreadable(*, after: int = 0, count: int = BATCH) -> Call[UnreadablePage]:
    """About ``count`` of the records that were put aside because they cannot be read."""
    return Call(script("unreadable"), [after, count], read_unreadable)


def workers(
    names: Sequence[str] = (), *, jobs: int = 0, tenant: str = ""
) -> Call[list[WorkerInfo]]:
    """Workers of these names, or every registered one; by name.

    Each with at most ``jobs`` of the jobs in its hands, of ``tenant`` only where one is named.
    """
    return Call(
        script("workers"),
        [jobs, tenant, *names],
        lambda reply: sorted((read_worker(row) for row in reply), key=lambda info: info.name),
    )


def publish_tasks(tasks: Sequence[TaskRecord], *, worker: str = "") -> Call[None]:
    """Puts tasks into the catalogue, for a worker that has joined, or for an API."""
    release = hashlib.sha256(repr([(task.name, task.version) for task in tasks]).encode())
    rows = ((task.name, task.queue, task.version, encoding.task(task)) for task in tasks)
    sent = [worker, release.hexdigest()[:16], *(part for row in rows for part in row)]
    return Call(script("publish"), sent, lambda _: None)


def published() -> Call[Published]:
    """The catalogue with all versions of each task, and every declared queue."""
    return Call(script("published"), [], read_published)


def published_tasks() -> Call[list[TaskRecord]]:
    """The tasks of the catalogue in the versions that count, by name."""
    return Call(
        script("published"),
        [],
        lambda reply: [task.record for task in read_published(reply).tasks],
    )


def journal(name: str, owner: str | None = None, *, limit: int = 1000) -> Call[list[str]]:
    """The last lines of a journal, oldest first; each owner has one of its own of that name."""
    return Call(
        script("journal"),
        [f"{owner}:{name}" if owner else name, limit],
        lambda reply: [line.decode(errors="replace") for line in reversed(reply)],
    )


def _source(states: frozenset[State]) -> str:
    sources = {_SOURCES.get(state, "jobs") for state in states}
    return sources.pop() if len(sources) == 1 else "jobs"


def _rows(flat: Sequence[Any], width: int) -> Iterator[Sequence[Any]]:
    return (flat[at : at + width] for at in range(0, len(flat), width))


def _may_be_refused(submission: Submission) -> bool:
    return submission.unique is not None or submission.waiting_limit is not None


def _submitted(outcome: bytes, job_id: bytes, state: bytes) -> Submitted:
    return Submitted(job_id.decode(), _SUBMITTED[outcome], _STATES.get(state, State.QUEUED))


_SUBMITTED = {status.value.encode(): status for status in SubmitStatus}
_STATES = {status.value.encode(): state_of(status) for status in RQStatus}


def _state(name: str) -> State | None:
    status = rq_status(name)
    return state_of(status) if status else None


def _canceled(outcome: bytes, status: bytes) -> tuple[CancelOutcome, State | None]:
    found = CancelOutcome(outcome.decode())
    if found is CancelOutcome.CANCELING:
        return found, State.CANCELING
    return found, _state(status.decode())


def _settled(reply: list[bytes]) -> list[Settled]:
    return [_SETTLED[outcome] for outcome in reply]


_SETTLED = {outcome.value.encode(): outcome for outcome in Settled}


def _renewal(reply: list[bytes]) -> Renewal:
    if reply[0] == b"gone":
        return Renewal(gone=True)
    mail = dict(zip(reply[1::2], reply[2::2], strict=False))
    drain = mail.pop(b"drain", None) is not None
    return Renewal(gone=False, cancel=frozenset(map(read_delivery, mail)), drain=drain)


def _reaped(reply: list[Any]) -> Reaped:
    rescued, quarantined, more, *gone = reply
    return Reaped(rescued, quarantined, tuple(name.decode() for name in gone), more=bool(more))


def _trimmed(reply: list[int]) -> Trimmed:
    retained, succeeded, canceled, failed, more = reply
    return Trimmed(retained, succeeded, canceled, failed, more=bool(more))


def _promoted(reply: list[Any]) -> Promoted:
    promoted, wait, late_ms = reply
    return Promoted(promoted, int(wait) / 1000 if wait else None, int(late_ms) / 1000)


def _job(job_id: str, reply: list[Any]) -> JobRecord | None:
    if not reply:
        return None
    flat, due, results, *brought = reply
    return read_job(job_id, flat, due, results, brought)


def _page(reply: list[Any]) -> JobPage:
    score, last, *rows = reply
    following = Cursor(float(score), last.decode()) if last else None
    return JobPage(tuple(read_job(row[0].decode(), *row[1:]) for row in rows), following)
