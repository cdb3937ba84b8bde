"""Submits the jobs of one batch: each is stored or refused by itself, or all are stored or none."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
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
from jobyard.store.records import SubmitStatus
from jobyard_api.admission import withheld
from jobyard_api.answers import json_text, text_of_submission
from jobyard_api.idempotency import once_each
from jobyard_api.models import JobRequest
from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError, field_errors, refusal_of
from jobyard_api.submitter import LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobyard.store.records import Submission, Submitted
    from jobyard_api.models import BatchRequest
    from jobyard_api.yard import Yard

READS = 16
"""Jobs of a batch that are read at once: the others' time with the store has not begun by then."""


async def submit_batch(
    yard: Yard, request: BatchRequest, owner: str | None, idempotency_key: str | None
) -> list[bytes]:
    """The outcome of each job as JSON, in the order of the request.

    Raises:
        StoreUnavailableError: The store cannot serve now, and nothing is known to be stored.
    """
    prepared = [
        await _prepare(yard, member, owner, idempotency_key, index)
        for index, member in enumerate(request.jobs)
    ]
    good = [one for one in prepared if not isinstance(one, RefusalError)]
    if not request.all_or_nothing:
        submitted = iter(await _commit(yard, good))
    elif len(good) == len(prepared):
        submitted = iter(await yard.commit_together(good))
    else:
        submitted = iter([withheld()] * len(good))
    gate = asyncio.Semaphore(READS)
    outcomes = [
        _outcome(yard, gate, one, one if isinstance(one, RefusalError) else next(submitted))
        for one in prepared
    ]
    await asyncio.gather(*(one for one in outcomes if isinstance(one, asyncio.Task)))
    return [one.result() if isinstance(one, asyncio.Task) else one for one in outcomes]


async def _prepare(
    yard: Yard, member: Any, owner: str | None, idempotency_key: str | None, index: int
) -> Submission | RefusalError:
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
    ) as error:
        return refusal_of(error)


async def _commit(yard: Yard, submissions: Sequence[Submission]) -> list[Submitted | RefusalError]:
    """In calls that are no larger than the store likes; one that fails fails alone."""
    calls = [yard.commit(submissions[at : at + LIMIT]) for at in range(0, len(submissions), LIMIT)]
    replies = await asyncio.gather(*calls, return_exceptions=True)
    errors = [reply for reply in replies if isinstance(reply, BaseException)]
    for error in errors:
        is_of_store = isinstance(error, (StoreUnavailableError, StoreDataError))
        if not is_of_store or len(errors) == len(replies):
            raise error
    outcomes: list[Submitted | RefusalError] = []
    for call, reply in enumerate(replies):
        if isinstance(reply, Exception):
            jobs = len(submissions[call * LIMIT : (call + 1) * LIMIT])
            outcomes += [refusal_of(reply)] * jobs
        elif not isinstance(reply, BaseException):
            outcomes += reply
    return outcomes


def _outcome(
    yard: Yard,
    gate: asyncio.Semaphore,
    submission: Submission | RefusalError,
    reply: Submitted | RefusalError,
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
