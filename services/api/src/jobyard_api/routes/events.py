"""``/v1/events`` and ``/v1/jobs/{id}/events``: what happens, as server-sent events."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from jobyard.lanes import base_of, lanes_of
from jobyard.states import State
from jobyard_api.access import GuardedRoute, needs
from jobyard_api.events.cursor import MAX_CHARACTERS, Cursor, cursor_of
from jobyard_api.events.feed import EventFilter
from jobyard_api.events.response import EventStreamResponse
from jobyard_api.models import Name, Tag
from jobyard_api.principal import Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import FieldError, RefusalError, documented
from jobyard_api.routes.dependencies import JobId, ThePrincipal, TheYard  # noqa: TC001

_EXAMPLE = {
    "id": "mk3x0f2a,default:1ao0.0.0",
    "event": "state",
    "data": '{"id":"0194f…","task":"add","queue":"default","at":"2030-01-31T09:00:00Z",'
    '"state":"running"}',
}

_EVENT = {
    "type": "object",
    "description": "One event of the stream; `data` is JSON",
    "properties": {
        "id": {"type": "string"},
        "event": {"enum": ["state", "progress", "gap"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}

STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A stream of events: `state`, `progress` and `gap`, each with an id from "
        "which a client goes on; comments in between keep the connection in use",
        "content": {"text/event-stream": {"schema": _EVENT, "example": _EXAMPLE}},
    }
}

LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        max_length=MAX_CHARACTERS,
        description="Id of the last event that was seen: the stream goes on behind it",
    ),
]


class EventQuery(BaseModel):
    """Which events are sent. A misspelt filter is refused: without it, all events would be."""

    model_config = ConfigDict(extra="forbid")

    queue: Name | None = Field(None, description="Events of jobs of this queue")
    task: Name | None = Field(None, description="Events of jobs of this task")
    state: list[State] = Field(default_factory=list, description="Leaves progress out as well")
    tag: Tag | None = Field(None, description="Events of jobs with this tag")


router = APIRouter(tags=["events"], route_class=GuardedRoute)


@router.get(
    "/v1/jobs/{job_id}/events",
    operation_id="stream_job_events",
    response_class=Response,
    responses={
        **STREAM,
        204: {"description": "The job has ended, and `Last-Event-ID` has seen that"},
        **documented(Code.JOB_NOT_FOUND, Code.INVALID_REQUEST),
    },
)
@needs(Scope.JOBS_READ)
async def stream_job_events(
    job_id: JobId, yard: TheYard, principal: ThePrincipal, last_event_id: LastEventId = None
) -> Response:
    """Follow a job: its present state, every change and its progress, until it has ended."""
    stream = await yard.following.job_events(
        job_id,
        principal.tenant,
        place_of(last_event_id),
        shows_payloads=principal.may(Scope.PAYLOADS_READ),
    )
    return EventStreamResponse(stream) if stream else Response(status_code=HTTPStatus.NO_CONTENT)


@router.get(
    "/v1/events",
    operation_id="stream_events",
    response_class=Response,
    responses={**STREAM, **documented(Code.INVALID_REQUEST)},
)
@needs(Scope.JOBS_READ)
async def stream_events(
    yard: TheYard,
    principal: ThePrincipal,
    query: Annotated[EventQuery, Query()],
    last_event_id: LastEventId = None,
) -> Response:
    """Follow all jobs, or those that a filter lets pass."""
    wanted = EventFilter(
        tenant=principal.tenant,
        queues=lanes_named(query.queue) if query.queue else None,
        states=frozenset(query.state),
        task=query.task,
        tag=query.tag,
        shows_payloads=principal.may(Scope.PAYLOADS_READ),
    )
    return EventStreamResponse(await yard.following.events(wanted, place_of(last_event_id)))


def lanes_named(queue: str) -> frozenset[str]:
    """A queue with its lanes, or the one lane that is named."""
    return frozenset(lanes_of(queue) if base_of(queue) == queue else {queue})


def place_of(last_event_id: str | None) -> Cursor | None:
    """The place that an id means; None without one.

    Raises:
        RefusalError: It is none of ours.
    """
    if not last_event_id:
        return None
    try:
        return cursor_of(last_event_id)
    except ValueError:
        detail = "This is not the id of an event of this API: leave it out to begin now."
        errors = [FieldError(header="Last-Event-ID", detail=detail)]
        raise RefusalError(Code.INVALID_REQUEST, detail, errors=errors) from None
