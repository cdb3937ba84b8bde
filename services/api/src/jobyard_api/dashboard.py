"""How the dashboard names and shows jobs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from jobyard.states import RQStatus, State, state_of
from jobyard_api.listing import Filter

if TYPE_CHECKING:
    from jobyard.store.records.job import JobRecord

PAGE_SIZE = 25
LAST_PAGE = 100


_NAMES = sorted(set(State) | set(RQStatus))


def _known(name: str) -> str:
    if name == "all" or name in _NAMES:
        return name
    raise ValueError(f"use 'all' or one of {', '.join(_NAMES)}")


StateName = Annotated[
    str,
    AfterValidator(_known),
    WithJsonSchema({"type": "string", "enum": ["all", *map(str, _NAMES)]}),
]
"""``all``, a state of ours, or RQ's word for one."""


def page_filter(state: str, queue: str, owner: str | None) -> Filter:
    """The filter for what the page's two choices say, of the owner's jobs."""
    return Filter(None if queue == "all" else queue, _states(state), owner=owner)


def row_of(record: JobRecord) -> dict[str, Any]:
    """One job as the table shows it; payload and result are read per job."""
    return {
        "id": record.id,
        "task": record.task,
        "queue": record.queue,
        "state": record.state,
        "status": record.status,
        "description": record.description,
        "readable": record.readable,
        "attempts": record.attempts,
        "worker": record.worker,
        "created_at": record.created_at,
        "enqueued_at": record.enqueued_at,
        "scheduled_for": record.scheduled_for,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "error": ": ".join(filter(None, (record.error.type, record.error.message)))
        if record.error
        else None,
    }


def _states(name: str) -> frozenset[State]:
    if name == "all":
        return frozenset()
    if name in set(State):
        return frozenset({State(name)})
    status = RQStatus(name)
    return frozenset(
        state_of(status, attempts=attempts, cancel=flag, expired=flag)
        for attempts in (0, 1)
        for flag in (False, True)
    )
