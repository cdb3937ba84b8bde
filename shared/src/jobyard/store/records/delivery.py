"""Deliveries: what a claim hands to a worker, and how each of them ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple

from jobyard.store.records.submission import DEFAULT_FAILURE_TTL_SECONDS, Submission

if TYPE_CHECKING:
    from collections.abc import Mapping


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


class Progressed(StrEnum):
    """What became of the progress of a running task."""

    TOLD = "told"
    KEPT = "kept"
    """It is stored; who follows the job was told of another value a moment ago."""
    STALE = "stale"
