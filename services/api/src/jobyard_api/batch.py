"""Submits the jobs of one batch in one call: each is stored or refused by itself."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from jobyard.errors import (
    InvalidPayloadError,
    PayloadTooLargeError,
    UnknownQueueError,
    UnknownTaskError,
)
from jobyard_api.answers import json_text
from jobyard_api.idempotency import once_each
from jobyard_api.models import JobRequest
from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError, field_errors, refusal_of

if TYPE_CHECKING:
    from jobyard.store.records import Submission, Submitted
    from jobyard_api.models import BatchRequest
    from jobyard_api.yard import Yard


async def submit_batch(
    yard: Yard, request: BatchRequest, owner: str | None, idempotency_key: str | None
) -> list[bytes]:
    """The outcome of each job as JSON, in the order of the request.

    Raises:
        StoreUnavailableError: The store cannot serve now.
    """
    prepared = [
        await _prepare(yard, member, owner, idempotency_key, index)
        for index, member in enumerate(request.jobs)
    ]
    good = [one for one in prepared if not isinstance(one, RefusalError)]
    submitted = iter(await yard.commit(good))
    return [
        _refused(one)
        if isinstance(one, RefusalError)
        else await _placed(yard, one, next(submitted))
        for one in prepared
    ]


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
    ) as error:
        return refusal_of(error)


async def _placed(yard: Yard, submission: Submission, submitted: Submitted) -> bytes:
    try:
        placed = await yard.placed(submission, submitted)
    except RefusalError as refusal:
        return _refused(refusal)
    status = HTTPStatus.OK if placed.replayed else HTTPStatus.CREATED
    return b'{"status":%d,"job":%s}' % (status, placed.text)


def _invalid(error: ValidationError) -> RefusalError:
    errors = field_errors(error.errors(include_url=False, include_input=False))
    first = errors[0]
    detail = f"{first.pointer or 'the job'}: {first.detail}"
    return RefusalError(Code.INVALID_REQUEST, detail, errors=errors)


def _refused(refusal: RefusalError) -> bytes:
    return json_text({"status": refusal.status_code, "problem": refusal.problem("")})
