"""Submits the jobs of one batch: each is stored or refused by itself, or all are stored or none."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from itertools import repeat
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from jobyard.errors import (
    InvalidPayloadError,
    PayloadTooLargeError,
    StoreDataError,
    StoreUnavailableError,
    UnknownQueueError,
    UnknownTaskError,
)
from jobyard.store.records.submission import SubmitStatus, Submitted
from jobyard_api.admission import withheld
from jobyard_api.answers import json_text
from jobyard_api.idempotency import once_each
from jobyard_api.models import JobRequest
from jobyard_api.new_jobs import text_of_submission
from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError, field_errors, refusal_of
from jobyard_api.submitter import LIMIT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from typing import TypeAlias

    from jobyard.store.records.submission import Submission
    from jobyard_api.models import BatchRequest
    from jobyard_api.yard import Yard

    Prepared: TypeAlias = Submission | RefusalError
    Pair: TypeAlias = tuple[Prepared, Submitted | RefusalError]

READS = 16
"""Jobs of a batch that are read at once: the others' time with the store has not begun by then."""


async def submit_batch(
    yard: Yard, request: BatchRequest, owner: str | None, idempotency_key: str | None
) -> list[bytes]:
    """The outcome of each job as JSON, in the order of the request.

    Raises:
        StoreUnavailableError: The store cannot serve now, and nothing is known to be stored.
        RefusalError: As above.
    """
    parts = _parts(yard, request.jobs, owner, idempotency_key)
    store = _store_together if request.all_or_nothing else _store_each
    gate = asyncio.Semaphore(READS)
    with yard.batch(len(request.jobs)):
        pairs = await store(yard, parts)
    outcomes = [_outcome(yard, gate, *pair) for pair in pairs]
    await asyncio.gather(*(one for one in outcomes if isinstance(one, asyncio.Task)))
    return [one.result() if isinstance(one, asyncio.Task) else one for one in outcomes]


async def _parts(
    yard: Yard, members: Sequence[Any], owner: str | None, idempotency_key: str | None
) -> AsyncIterator[list[Prepared]]:
    """The jobs, as many at a time as go in one call; others have their turn in between."""
    for start in range(0, len(members), LIMIT):
        part = enumerate(members[start : start + LIMIT], start)
        yield [await _prepare(yard, each, owner, idempotency_key, at) for at, each in part]
        await asyncio.sleep(0)


async def _store_each(yard: Yard, parts: AsyncIterator[list[Prepared]]) -> list[Pair]:
    """A part is stored while the next one is prepared; one that fails fails alone."""
    calls = [asyncio.create_task(_store(yard, part)) async for part in parts]
    pairs = [pair for call in await asyncio.gather(*calls) for pair in call]
    replies = [reply for _, reply in pairs]
    if not any(isinstance(reply, Submitted) for reply in replies):
        _raise_if_of_store(replies)
    return pairs


async def _store(yard: Yard, part: Sequence[Prepared]) -> list[Pair]:
    good = [one for one in part if not isinstance(one, RefusalError)]
    submitted: Iterator[Submitted | RefusalError]
    try:
        submitted = iter(await yard.commit(good))
    except (StoreUnavailableError, StoreDataError) as error:
        submitted = repeat(refusal_of(error))
    return _paired(part, submitted)


async def _store_together(yard: Yard, parts: AsyncIterator[list[Prepared]]) -> list[Pair]:
    """All in one call of their own, or none of them."""
    prepared = [one async for part in parts for one in part]
    refused = [one for one in prepared if isinstance(one, RefusalError)]
    _raise_if_of_store(refused)
    if refused:
        return _paired(prepared, repeat(withheld()))
    good = [one for one in prepared if not isinstance(one, RefusalError)]
    return _paired(prepared, iter(await yard.commit_together(good)))


def _paired(
    prepared: Sequence[Prepared], submitted: Iterator[Submitted | RefusalError]
) -> list[Pair]:
    return [(one, one if isinstance(one, RefusalError) else next(submitted)) for one in prepared]


def _raise_if_of_store(replies: Sequence[Submitted | RefusalError]) -> None:
    for reply in replies:
        if isinstance(reply, RefusalError) and reply.code in _OF_STORE:
            raise reply


_OF_STORE = (Code.STORE_UNAVAILABLE, Code.STORE_DATA)


async def _prepare(
    yard: Yard, member: Any, owner: str | None, idempotency_key: str | None, index: int
) -> Prepared:
    try:
        request = JobRequest.model_validate(member)
        once = once_each(owner, "batch", idempotency_key, index, request)
        return await yard.prepare(request.order(once), owner)
    except ValidationError as error:
        return _invalid(error)
    except (
        UnknownTaskError,
        UnknownQueueError,
        InvalidPayloadError,
        PayloadTooLargeError,
        RefusalError,
        StoreUnavailableError,
        StoreDataError,
    ) as error:
        return refusal_of(error)


def _outcome(
    yard: Yard, gate: asyncio.Semaphore, submission: Prepared, reply: Submitted | RefusalError
) -> bytes | asyncio.Task[bytes]:
    """At once, but for a job that may have been there before: it is read beside the others."""
    if isinstance(submission, RefusalError):
        return _refused(submission)
    if isinstance(reply, RefusalError):
        return _refused(reply)
    if reply.status is SubmitStatus.CREATED:
        return _CREATED % text_of_submission(submission, reply.state)
    return asyncio.create_task(_stored(yard, gate, submission, reply))


_CREATED = b'{"status":201,"job":%s}'


async def _stored(
    yard: Yard, gate: asyncio.Semaphore, submission: Submission, reply: Submitted
) -> bytes:
    try:
        async with gate:
            placed = await yard.placed(submission, reply)
    except (RefusalError, StoreUnavailableError, StoreDataError) as error:
        return _refused(refusal_of(error))
    is_new = not (placed.replayed or placed.existing)
    status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return b'{"status":%d,"job":%s}' % (status, placed.text)


def _invalid(error: ValidationError) -> RefusalError:
    errors = field_errors(error.errors(include_url=False, include_input=False))
    first = errors[0]
    detail = f"{first.pointer or 'the job'}: {first.detail}"
    return RefusalError(Code.INVALID_REQUEST, detail, errors=errors)


def _refused(refusal: RefusalError) -> bytes:
    return json_text({"status": refusal.status_code, "problem": refusal.problem()})
