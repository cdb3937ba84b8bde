"""Pages of jobs over one queue or all of them, and the opaque tokens between pages."""

from __future__ import annotations

import asyncio
import json
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobyard.store import calls
from jobyard.store.records import Cursor
from jobyard_api.problem_types import Code
from jobyard_api.problems import FieldError, RefusalError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobyard.states import State
    from jobyard.store import AsyncStore
    from jobyard.store.records import JobPage, JobRecord

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


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of jobs, newest first."""

    jobs: list[JobRecord]
    next: Cursor | None


async def list_jobs(
    store: AsyncStore, wanted: Filter, before: Cursor | None, limit: int
) -> Listing:
    """One page: of an owner's jobs, of a queue's, or of all queues merged.

    Raises:
        StoreUnavailableError: The store cannot serve now.
    """
    queues = await _queues(store, wanted)
    jobs: list[JobRecord] = []
    for _ in range(MAX_ROUNDS):
        pages = await _pages(store, queues, wanted, before, limit - len(jobs))
        found, before = merge(pages, limit - len(jobs))
        jobs += found
        if before is None or len(jobs) >= limit:
            break
    return Listing(jobs, before)


def merge(pages: Sequence[JobPage], limit: int) -> tuple[list[JobRecord], Cursor | None]:
    """The newest jobs of several pages, and the place to go on from.

    A page that is not its queue's last says nothing about what lies below its ``next``; nothing
    older than the newest of these places is shown before those queues were asked again.
    """
    horizon = max((page.next for page in pages if page.next), key=_order, default=None)
    rows = [row for page in pages for row in zip(page.places, page.jobs, strict=True)]
    rows.sort(key=lambda row: _order(row[0]), reverse=True)
    seen = [row for row in rows if horizon is None or _order(row[0]) >= _order(horizon)]
    shown = seen[:limit]
    if len(shown) < len(seen):
        return [job for _, job in shown], shown[-1][0]
    return [job for _, job in shown], horizon


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


def _order(place: Cursor) -> tuple[float, bytes]:
    return place.score, place.id.encode()


async def _queues(store: AsyncStore, wanted: Filter) -> list[str | None]:
    if wanted.queue or wanted.owner:
        return [wanted.queue]
    return [info.name for info in await store.run(calls.queues())]


async def _pages(
    store: AsyncStore, queues: list[str | None], wanted: Filter, before: Cursor | None, limit: int
) -> list[JobPage]:
    asked = (
        store.run(
            calls.list_jobs(
                queue,
                owner=wanted.owner,
                states=wanted.states,
                task=wanted.task,
                before=before,
                limit=limit,
            )
        )
        for queue in queues
    )
    return list(await asyncio.gather(*asked))
