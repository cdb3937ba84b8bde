"""What goes into the store and what comes out, as frozen records. Used by every service."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobyard.lanes import Priority
    from jobyard.states import RQStatus, State


DEFAULT_RESULT_TTL_SECONDS = 3_600
DEFAULT_FAILURE_TTL_SECONDS = 604_800
"""What a record that says nothing means; ``lib.lua`` has the same, and most records say nothing."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """One use of an idempotency key; ``scope`` is tenant and route, the fingerprint the payload."""

    scope: str
    key: str
    fingerprint: str
    ttl_seconds: int = 86_400


class OnConflict(StrEnum):
    """What becomes of a new job whose unique key another job holds."""

    REJECT = "reject"
    EXISTING = "existing"
    """The job that holds it stands for the new one."""
    REPLACE = "replace"
    """The job that holds it is cancelled if it waits; if it runs, the new one is rejected."""


@dataclass(frozen=True, slots=True)
class Unique:
    """A key that one job of a tenant holds at a time, from its submission until it ends."""

    key: str
    on_conflict: OnConflict = OnConflict.REJECT


class Submission(NamedTuple):
    """A job to be stored, made by names. ``payload`` and ``retry`` are JSON text; times in seconds.

    At most one of ``delay_seconds`` (from the server's now) and ``run_at`` (aware) is set. A job
    that has not started by ``expires_at`` (aware) is not run.

    A named tuple, as below: to make a frozen dataclass of so many fields takes 2.3 µs, this 0.9.
    """

    id: str
    task: str
    queue: str
    payload: bytes
    timeout_seconds: int
    result_ttl_seconds: int
    failure_ttl_seconds: int
    retry: bytes = b""
    delay_seconds: float | None = None
    run_at: datetime | None = None
    expires_at: datetime | None = None
    meta: Mapping[str, Any] = MappingProxyType({})
    tags: tuple[str, ...] = ()
    tenant: str = ""
    description: str = ""
    idempotency: Idempotency | None = None
    unique: Unique | None = None
    waiting_limit: int | None = None
    """How many jobs of its tenant may wait for their first start; None for any number."""
    trace: str = ""
    """The ``traceparent`` of what asked for it; with ``trace_context.LINK`` behind it, its runs are
    linked to that and no part of it. The last field: see ``traced``."""

    def traced(self, trace: str) -> Submission:
        """The same with another ``trace``; ``_replace`` takes twice as long."""
        return Submission(*self[:-1], trace)


class SubmitStatus(StrEnum):
    """What ``submit`` did with one job."""

    CREATED = "created"
    EXISTS = "exists"
    """A job of this id is stored already (a repeated call, or a fired tick)."""
    REPLAYED = "replayed"
    """The idempotency key was used for the same request; ``id`` is that job's."""
    CONFLICT = "conflict"
    """The idempotency key was used for another request; nothing was stored."""
    EXISTING = "existing"
    """Its unique key is held; ``id`` is that job's, which stands for it."""
    TAKEN = "taken"
    """Its unique key is held by ``id``; nothing was stored."""
    FULL = "full"
    """As many jobs as may wait in its queue; nothing was stored."""
    QUOTA = "quota"
    """As many jobs of its tenant wait as may; nothing was stored."""
    WITHHELD = "withheld"
    """Another one of those that are stored together was refused; nothing was stored."""


class Submitted(NamedTuple):
    """The outcome for one submission."""

    id: str
    status: SubmitStatus
    state: State


class Claimed(NamedTuple):
    """One delivery: all that a worker needs to run a job. ``data`` is RQ's, see ``data.py``.

    A named tuple, and times as text: one is made for each job, and most are never looked at whole.
    """

    id: str
    token: str
    queue: str
    data: bytes
    timeout_seconds: float | None
    attempts: int
    deliveries: int
    retry: bytes
    suspect: bool
    meta: bytes
    enqueued_at: bytes
    created_at: bytes
    task: str
    """Empty for a record of plain RQ code."""
    result_ttl_seconds: int
    claimed_ms: int
    """The server's clock at the claim."""
    uses_rq: bool = False
    """Whether a record of plain RQ code asks for callbacks, retries, repeats, webhooks …"""
    fault: str = ""
    """What is wrong with the fields that say how to run it; empty where nothing is."""
    tenant: str = ""
    """Whose job it is; empty for nobody's."""
    failure_ttl_seconds: int = DEFAULT_FAILURE_TTL_SECONDS
    trace: bytes = b""
    """As its submission's."""

    @property
    def age_seconds(self) -> float:
        """From the job's creation to this claim, by the server's clock; 0 when not known."""
        return self._since(self.created_at)

    @property
    def wait_seconds(self) -> float:
        """From when it became ready to this claim, as above."""
        return self._since(self.enqueued_at)

    def _since(self, text: bytes) -> float:
        try:
            begin = datetime.fromisoformat(text.decode()).timestamp()
        except (ValueError, OverflowError):
            return 0.0
        return max(0.0, self.claimed_ms / 1000 - begin)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim brought.

    Attributes:
        jobs: The deliveries.
        more: Whether another claim may find more.
        too_new: Records of a newer schema that were left where they are.
        broken: Queues with a key of a foreign type, passed over.
        gone: The worker was reaped and must join anew.
    """

    jobs: tuple[Claimed, ...]
    more: bool = False
    too_new: int = 0
    broken: tuple[str, ...] = ()
    gone: bool = False


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """Why an attempt ended badly; ``traceback`` is bounded by the worker."""

    type: str
    message: str
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A line left in a named journal, only if the job succeeds, once."""

    journal: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How one delivery ended. ``started`` and ``ended`` are this process's ``time.monotonic()``.

    ``attempt`` is the number that the run had, 1 for the first; a crash has the number of the
    attempt that it cut short.
    """

    id: str
    token: str
    started: float
    ended: float
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded(Settlement):
    """The task returned; ``result`` is JSON text. ``follow_ups`` are stored in the same step."""

    result: bytes
    journal: tuple[JournalEntry, ...] = ()
    follow_ups: tuple[Submission, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Settlement):
    """The last attempt failed: a dead letter."""

    error: ErrorInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying(Settlement):
    """The attempt failed and another follows after ``delay_seconds``."""

    error: ErrorInfo
    delay_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Canceled(Settlement):
    """The task ended because its job was asked to cancel; ``error`` says how it ended."""

    error: ErrorInfo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashed(Settlement):
    """The isolated child died. Spends the crash budget; beyond ``budget`` a dead letter."""

    error: ErrorInfo
    budget: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RQEnded(Settlement):
    """How a delivery of a job that plain RQ code enqueued ended, in RQ's words.

    ``value`` is what RQ's serializer made of the result; ``fields`` of the job's hash change with
    it; ``at_head`` is where a retry without delay goes; ``exhausted`` is RQ's own kind of failure.
    """

    kind: Literal["succeeded", "failed", "retrying", "canceled", "crashed", "stopped"]
    value: bytes = b""
    error: ErrorInfo | None = None
    delay_seconds: float = 0.0
    budget: int = 0
    at_head: bool = False
    exhausted: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)


class Settled(StrEnum):
    """What ``settle`` or ``release`` did with one delivery."""

    DONE = "done"
    AGAIN = "again"
    """This very settlement was applied before (a repeated call)."""
    STALE = "stale"
    """The token is not the job's any more; nothing was changed."""
    VANISHED = "vanished"
    """The record was deleted meanwhile; only the hold on it was dropped."""


REFUSED = (Settled.STALE, Settled.VANISHED)
"""Of these deliveries nothing was stored."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """The answer to a renewal. ``cancel`` holds ``(id, token)``; ``gone`` as in ``Claim``."""

    gone: bool
    cancel: frozenset[tuple[str, str]] = frozenset()
    drain: bool = False


@dataclass(frozen=True, slots=True)
class Reaped:
    """What one reaping did. ``more``: the limit was reached, call again."""

    rescued: int
    quarantined: int
    workers: tuple[str, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What ended jobs of one queue take, and how many were forgotten to keep to its budget.

    ``more``: the limit was reached while it is still above its budget, call again.
    """

    retained_bytes: int
    succeeded: int = 0
    canceled: int = 0
    failed: int = 0
    more: bool = False

    @property
    def forgotten(self) -> int:
        """Jobs of all kinds."""
        return self.succeeded + self.canceled + self.failed


@dataclass(frozen=True, slots=True)
class Promoted:
    """What one promotion did.

    Attributes:
        promoted: How many jobs.
        next_due_seconds: From now; None when nothing is scheduled.
        late_seconds: How long the longest overdue of them had been due.
    """

    promoted: int
    next_due_seconds: float | None
    late_seconds: float = 0.0


class CancelOutcome(StrEnum):
    """What ``cancel`` did with one job."""

    CANCELED = "canceled"
    CANCELING = "canceling"
    ENDED = "ended"
    MISSING = "missing"


class MoveOutcome(StrEnum):
    """What a move by hand (retry, reschedule, delete) did with one job."""

    DONE = "done"
    ENDED = "ended"
    """It has ended, in a way that does not allow the move."""
    RUNNING = "running"
    WAITING = "waiting"
    """It waits, in a way that does not allow the move."""
    TAKEN = "taken"
    """Another job has its unique key by now."""
    MISSING = "missing"


class Progressed(StrEnum):
    """What became of the progress of a running task."""

    TOLD = "told"
    KEPT = "kept"
    """It is stored; who follows the job was told of another value a moment ago."""
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt of a job ended (newest first in ``JobRecord.history``).

    ``attempt`` is its number, as the task was told; None where it is not known (jobs of plain RQ
    code, and what was no attempt at all).
    """

    outcome: str
    attempt: int | None
    started_at: datetime | None
    ended_at: datetime | None
    worker: str
    error: ErrorInfo | None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A stored job as it is read back. ``payload`` and ``result`` are JSON values.

    ``readable`` is False for a record of a foreign serializer: its payload is not shown, and it is
    never unpickled. ``omitted`` names which of the two are kept apart and were not brought.
    """

    id: str
    task: str
    queue: str
    priority: Priority
    state: State
    status: RQStatus
    payload: Any
    readable: bool
    result: Any
    omitted: tuple[str, ...]
    error: ErrorInfo | None
    attempts: int
    deliveries: int
    crashes: int
    progress: Any
    tags: tuple[str, ...]
    meta: Mapping[str, Any]
    tenant: str
    unique_key: str | None
    worker: str
    description: str
    created_at: datetime | None
    enqueued_at: datetime | None
    scheduled_for: datetime | None
    expires_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    timeout_seconds: float | None
    result_ttl_seconds: int
    failure_ttl_seconds: int
    retry: Mapping[str, Any]
    history: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a listing: all down to ``(score, id)`` was shown."""

    score: float
    id: str


@dataclass(frozen=True, slots=True)
class JobPage:
    """One page of a listing, newest first; ``next`` is None on the last page."""

    jobs: tuple[JobRecord, ...]
    next: Cursor | None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that was put aside: why, and when. ``id`` may be cut short, and any text."""

    id: str
    queue: str
    reason: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class UnreadablePage:
    """Some of them, in no order; ``next`` is None on the last page."""

    records: tuple[Unreadable, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class QueueInfo:
    """Depths of one queue and its running counts. ``oldest_enqueued_at`` of what waits.

    Attributes:
        scheduled: What is delayed, retries included.
        oldest_age_seconds: Of what waits, by the server's clock; None where nothing does.
        in_per_second: Jobs a second that were submitted, over the last minute.
        out_per_second: Jobs a second that were worked off, well or badly, over the last minute.
            Canceled ones do not count: they say nothing about how long others wait.
        paused: Whether nothing is claimed from it.
        priorities: What waits in each of its lanes, where they were added up.
    """

    name: str
    queued: int
    running: int
    scheduled: int
    blocked: int
    succeeded: int
    failed: int
    canceled: int
    workers: int
    oldest_enqueued_at: datetime | None
    counters: Mapping[str, int]
    oldest_age_seconds: float | None = None
    in_per_second: float = 0.0
    out_per_second: float = 0.0
    paused: bool = False
    priorities: Mapping[str, int] = field(default_factory=dict)

    @property
    def wait_estimate_seconds(self) -> float | None:
        """How long what waits will take at the present rate; None where that is not known."""
        if not self.queued:
            return 0.0
        return None if self.paused or not self.out_per_second else self.queued / self.out_per_second


@dataclass(frozen=True, slots=True)
class Purged:
    """What one call of a purge did, and where the next one goes on."""

    began_ms: int
    canceled: int
    kept: int
    seen: int


@dataclass(frozen=True, slots=True)
class WorkerJob:
    """A job in a worker's hands, ``since`` when."""

    id: str
    task: str
    queue: str
    since: datetime | None


ENGINE = "jobyard"
"""What our workers call themselves in RQ's hash of a worker."""


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """One registered worker as RQ's tools see it.

    Attributes:
        busy: Slots that run a job.
        held: Jobs in its hands, with those that were claimed ahead of a free slot.
        draining: Whether it was asked to drain.
        jobs: Some of what it holds, where that was asked for.
    """

    name: str
    state: str
    queues: tuple[str, ...]
    pool: str
    slots: int
    busy: int
    hostname: str
    pid: int | None
    version: str
    born_at: datetime | None
    last_heartbeat_at: datetime | None
    succeeded: int
    failed: int
    engine: str = ENGINE
    held: int = 0
    draining: bool = False
    jobs: tuple[WorkerJob, ...] = ()

    @property
    def is_stock(self) -> bool:
        """Whether it is RQ's own worker: jobs that it takes from our queues have no lease."""
        return self.engine != ENGINE


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """A task as the processes that have it publish it. ``schema`` is JSON Schema 2020-12."""

    name: str
    schema: Mapping[str, Any]
    queue: str
    timeout_seconds: int
    result_ttl_seconds: int
    failure_ttl_seconds: int
    retry: Mapping[str, Any]
    isolated: bool
    description: str
    version: str


@dataclass(frozen=True, slots=True)
class TaskVersion:
    """One version of a task in the catalogue: when it was first seen, and whether it is served."""

    version: str
    first_seen_at: datetime | None
    served: bool
    """By a worker that is alive."""


@dataclass(frozen=True, slots=True)
class PublishedTask:
    """A task of the catalogue: the version that counts, and all there are, that one first."""

    record: TaskRecord
    versions: tuple[TaskVersion, ...] = ()

    @property
    def clash(self) -> bool:
        """Whether living workers serve different versions: payloads are checked by one of them."""
        return sum(version.served for version in self.versions) > 1


@dataclass(frozen=True, slots=True)
class Published:
    """The catalogue: tasks by name, and the queues that anybody has ever declared."""

    tasks: tuple[PublishedTask, ...]
    queues: frozenset[str]
