"""Turns every error into an RFC 9457 problem. The only place where errors meet HTTP."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from jobyard.errors import (
    InvalidPayloadError,
    PayloadTooLargeError,
    StoreDataError,
    StoreUnavailableError,
    UnknownQueueError,
    UnknownTaskError,
)
from jobyard.observability.logging import get_logger
from jobyard_api.allow import methods_at
from jobyard_api.problem_types import PROBLEM_TYPES, Code
from jobyard_api.trace_context import trace_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fastapi import FastAPI
    from pydantic_core import ErrorDetails
    from starlette.requests import Request
    from starlette.types import Scope

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
MAX_SHOWN_ERRORS = 50

PROBLEM = "problem"
"""Where a request's state has the code of the problem that answers it, for the metrics."""

UNION_TAG = "§"
"""Begins the name of a union's member, which stands in Pydantic's paths but not in the body."""

_STATUS_CODES = {
    HTTPStatus.NOT_FOUND: Code.PATH_NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: Code.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Code.BODY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: Code.UNSUPPORTED_MEDIA_TYPE,
}

_DETAILS = {
    Code.PATH_NOT_FOUND: "There is nothing at this path. See /docs for what there is.",
    Code.METHOD_NOT_ALLOWED: "This path takes other methods: see the Allow header.",
}

_log = get_logger("jobyard_api")


class FieldError(BaseModel):
    """One thing that is wrong. Exactly one of ``pointer``, ``parameter``, ``header`` is set."""

    pointer: str | None = Field(None, description="JSON Pointer into the body (RFC 6901)")
    parameter: str | None = Field(None, description="Name of a path or query parameter")
    header: str | None = Field(None, description="Name of a header")
    detail: str


class Problem(BaseModel):
    """An error as RFC 9457 has it, with members of our own."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Path of the page that explains this kind of error")
    title: str
    status: int
    detail: str
    code: Code
    errors: list[FieldError] = Field(default_factory=list)
    request_id: str = Field("", description="As in the header X-Request-ID, and in the API's log")
    trace_id: str | None = Field(
        None,
        description="Of the trace that the request is part of: that of its `traceparent` header, "
        "or one of our own; left out where there is none",
    )
    retryable: bool = Field(description="The same request may succeed later, unchanged")


class RefusalError(HTTPException):
    """A request is answered with a problem. Raised by routes and by the reading of bodies."""

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        self.code = code
        self.errors = tuple(errors)
        self.members = dict(members or {})
        super().__init__(PROBLEM_TYPES[code].status, detail, dict(headers or {}))

    def problem(self, request_id: str = "", trace_id: str | None = None) -> dict[str, Any]:
        """The problem as a JSON object."""
        kind = PROBLEM_TYPES[self.code]
        trace = {"trace_id": trace_id} if trace_id else {}
        return {
            "type": kind.path,
            "title": kind.title,
            "status": kind.status,
            "detail": self.detail,
            "code": str(kind.code),
            "errors": [error.model_dump(exclude_none=True) for error in self.errors],
            "request_id": request_id,
            **trace,
            "retryable": kind.retryable,
            **self.members,
        }

    def response(self, scope: Scope) -> Response:
        """The problem as the answer to a request."""
        problem = self.problem(_request_id_of(scope), trace_id_of(scope))
        scope.setdefault("state", {})[PROBLEM] = str(self.code)
        return Response(
            json.dumps(problem),  # ASCII only: what is quoted may not be encodable
            self.status_code,
            self.headers,
            MEDIA_TYPE,
        )


def refusal_of(error: Exception) -> RefusalError:
    """Which problem answers which error; the table is at the end of this file."""
    for kind, translate in _TABLE:
        if isinstance(error, kind):
            return translate(error)
    return RefusalError(Code.INTERNAL_ERROR, "The API failed; see its log.")


def install(app: FastAPI) -> None:
    """Answers every error that a route raises with its problem."""
    for kind, _ in _TABLE:
        app.add_exception_handler(kind, answer_to)


async def answer_to(request: Request, error: Exception) -> Response:
    """The problem for an error of a route; one that nobody expected is raised again."""
    if not isinstance(error, tuple(kind for kind, _ in _TABLE)):
        raise error
    refusal = refusal_of(error)
    if refusal.code is Code.METHOD_NOT_ALLOWED:
        refusal.headers = {"Allow": methods_at(request.app.routes, request.scope)}
    if refusal.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("request.failed", code=str(refusal.code), reason=str(error))
    return refusal.response(request.scope)


def documented(*codes: Code) -> dict[int | str, dict[str, Any]]:
    """``responses=`` of a route that may answer with these problems."""
    always = (Code.STORE_UNAVAILABLE, Code.STORE_DATA, Code.INTERNAL_ERROR)
    found: dict[int | str, dict[str, Any]] = {}
    for kind in (PROBLEM_TYPES[code] for code in (*codes, *always)):
        entry = found.setdefault(kind.status, {"description": "", "content": _content()})
        entry["description"] += f"{', or ' if entry['description'] else ''}`{kind.code}`"
    return found


def field_errors(problems: Sequence[ErrorDetails]) -> list[FieldError]:
    """Pydantic's errors in a body as ours."""
    return [
        FieldError(pointer=pointer(problem["loc"]), detail=_message(problem))
        for problem in problems[:MAX_SHOWN_ERRORS]
    ]


def pointer(path: Sequence[str | int]) -> str:
    """A JSON Pointer (RFC 6901); the empty text is the whole body."""
    keys = (str(step) for step in path if not str(step).startswith(UNION_TAG))
    steps = (key.replace("~", "~0").replace("/", "~1") for key in keys)
    return "".join(f"/{step}" for step in steps)


def _request_id_of(scope: Scope) -> str:
    """As the middleware noted it."""
    return str(scope.get("state", {}).get("request_id", ""))


def _content() -> dict[str, Any]:
    return {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def _invalid_request(error: RequestValidationError) -> RefusalError:
    errors = [_located(problem) for problem in error.errors()[:MAX_SHOWN_ERRORS]]
    return RefusalError(Code.INVALID_REQUEST, _summary(errors), errors=errors)


def _located(problem: ErrorDetails) -> FieldError:
    where: str | int
    where, *path = problem["loc"]
    message = _message(problem)
    if where == "body":
        return FieldError(pointer=pointer(path), detail=message)
    kind: Literal["header", "parameter"] = "header" if where == "header" else "parameter"
    return FieldError(**{kind: str(path[0]) if path else ""}, detail=message)


def _message(problem: ErrorDetails) -> str:
    return problem["msg"].removeprefix("Value error, ")


def _summary(errors: Sequence[FieldError]) -> str:
    """One line that names the first fields, for those who read only ``detail``."""
    shown = "; ".join(f"{_place(error)}: {error.detail}" for error in errors[:3])
    return f"{shown}; and {len(errors) - 3} more" if len(errors) > 3 else shown  # noqa: PLR2004


def _place(error: FieldError) -> str:
    return error.header or error.parameter or error.pointer or "the body"


def _invalid_payload(error: InvalidPayloadError) -> RefusalError:
    errors = [
        FieldError(pointer=f"/payload{place}", detail=message)
        for place, message in error.problems[:MAX_SHOWN_ERRORS]
    ]
    return RefusalError(Code.INVALID_PAYLOAD, _summary(errors), errors=errors)


def _payload_too_large(error: PayloadTooLargeError) -> RefusalError:
    errors = [FieldError(pointer="/payload", detail=str(error))]
    members = {"limit": error.limit}
    return RefusalError(Code.PAYLOAD_TOO_LARGE, str(error), errors=errors, members=members)


def _unknown_task(error: UnknownTaskError) -> RefusalError:
    place = FieldError(pointer="/task", detail=str(error))
    return RefusalError(Code.UNKNOWN_TASK, str(error), errors=[place])


def _unknown_queue(error: UnknownQueueError) -> RefusalError:
    place = FieldError(pointer="/queue", detail=str(error))
    return RefusalError(Code.UNKNOWN_QUEUE, str(error), errors=[place])


def _store_unavailable(_: StoreUnavailableError) -> RefusalError:
    return RefusalError(
        Code.STORE_UNAVAILABLE,
        "The store does not answer. Send the request again in a moment.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def _of_framework(error: HTTPException) -> RefusalError:
    code = _STATUS_CODES.get(HTTPStatus(error.status_code), Code.BAD_REQUEST)
    return RefusalError(code, _DETAILS.get(code, str(error.detail)), headers=error.headers)


def _store_data(_: StoreDataError) -> RefusalError:
    return RefusalError(Code.STORE_DATA, "A key in the store has a foreign type.")


def _itself(error: RefusalError) -> RefusalError:
    return error


_TABLE: tuple[tuple[type[Exception], Callable[[Any], RefusalError]], ...] = (
    (RefusalError, _itself),
    (RequestValidationError, _invalid_request),
    (UnknownTaskError, _unknown_task),
    (UnknownQueueError, _unknown_queue),
    (InvalidPayloadError, _invalid_payload),
    (PayloadTooLargeError, _payload_too_large),
    (StoreUnavailableError, _store_unavailable),
    (StoreDataError, _store_data),
    (HTTPException, _of_framework),
)
