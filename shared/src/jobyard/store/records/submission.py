"""Jobs on their way into the store, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from jobyard.states import State

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
