"""Pages of jobs, and the opaque tokens between pages."""

from __future__ import annotations

import json
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobyard.store import calls
from jobyard.store.records.job import Cursor
from jobyard_api.problem_types import Code
from jobyard_api.problems import FieldError, RefusalError

if TYPE_CHECKING:
    from datetime import datetime

    from jobyard.states import State
    from jobyard.store import AsyncStore
    from jobyard.store.records.job import JobRecord
    from jobyard_api.models import JobQuery
    from jobyard_api.principal import Principal

MAX_ROUNDS = 10
"""How often one request asks again when a filter hides what it looks at."""

_MAX_TOKEN = 1024


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs are listed; None and empty mean all."""

    queue: str | None = None
    states: frozenset[State] = frozenset()
    task: str | None = None
    owner: str | None = None
    tag: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


def filter_of(query: JobQuery, principal: Principal) -> Filter:
    """What a query asks for, of the jobs that its sender may see.

    Raises:
        RefusalError: It asks for another tenant's.
    """
    owner = principal.tenant
    if query.tenant is not None and owner not in {None, query.tenant}:
        detail = "Only operators may ask for another tenant's jobs."
        errors = [FieldError(parameter="tenant", detail=detail)]
        raise RefusalError(Code.INVALID_REQUEST, detail, errors=errors)
    return Filter(
        queue=query.queue,
        states=frozenset(query.state),
        task=query.task,
        owner=owner or query.tenant,
        tag=query.tag,
        created_after=query.created_after,
        created_before=query.created_before,
    )


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of jobs, newest first."""

    jobs: list[JobRecord]
    next: Cursor | None


async def list_jobs(
    store: AsyncStore, wanted: Filter, before: Cursor | None, limit: int
) -> Listing:
    """One page below a place, or the first.

    Raises:
        StoreUnavailableError: The store cannot serve now.
    """
    jobs: list[JobRecord] = []
    for _ in range(MAX_ROUNDS):
        page = await store.run(
            calls.list_jobs(
                wanted.queue,
                owner=wanted.owner,
                states=wanted.states,
                task=wanted.task,
                tag=wanted.tag,
                created_after=wanted.created_after,
                created_before=wanted.created_before,
                before=before,
                limit=limit - len(jobs),
            )
        )
        jobs += page.jobs
        before = page.next
        if before is None or len(jobs) >= limit:
            break
    return Listing(jobs, before)


def token_of(place: Cursor | None) -> str | None:
    """A page token; None after the last page."""
    if place is None:
        return None
    text = json.dumps([place.score, place.id], separators=(",", ":")).encode()
    return urlsafe_b64encode(text).rstrip(b"=").decode()


def place_of(token: str | None) -> Cursor | None:
    """The place that a page token means.

    Raises:
        RefusalError: It is none of ours.
    """
    if token is None:
        return None
    try:
        return _read(token)
    except (ValueError, TypeError, RecursionError):
        detail = "page_token is not one that this API gave: leave it out to begin anew."
        errors = [FieldError(parameter="page_token", detail=detail)]
        raise RefusalError(Code.INVALID_REQUEST, detail, errors=errors) from None


def _read(token: str) -> Cursor:
    if len(token) > _MAX_TOKEN:
        raise ValueError("too long")
    padded = token + "=" * (-len(token) % 4)
    score, last = json.loads(urlsafe_b64decode(padded.encode("ascii")))
    if type(score) is not float or not math.isfinite(score) or type(last) is not str:
        raise ValueError("not a place")
    last.encode()
    return Cursor(score, last)
