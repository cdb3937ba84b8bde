"""The answer to a request that never reaches the application: a problem, as bytes on the wire."""

from __future__ import annotations

import json
from http import HTTPStatus

from jobyard.ids import new_id
from jobyard.observability.logging import get_logger
from jobyard_api.problem_types import Code
from jobyard_api.problems import MEDIA_TYPE, RefusalError

_log = get_logger("jobyard_api")

_DETAILS = {
    Code.BAD_REQUEST: "This is not HTTP/1.1 as RFC 9112 has it, or can be read in two ways.",
    Code.URL_TOO_LONG: "The URL is too long.",
    Code.HEADERS_TOO_LARGE: "The head of the request is larger than {limit} bytes "
    "(JOBYARD_MAX_HEAD_BYTES), or it has too many headers.",
    Code.REQUEST_TIMEOUT: "The request took longer than {limit} s to arrive "
    "(JOBYARD_API_RECEIVE_SECONDS).",
}


def refusal_of(code: Code, limit: float | None = None) -> RefusalError:
    """Why the server does not take a request."""
    return RefusalError(code, _DETAILS[code].format(limit=limit))


def response_of(error: RefusalError) -> bytes:
    """The whole response; the connection ends with it."""
    request_id = new_id()
    status = HTTPStatus(error.status_code)
    _log.info("http.refused", code=str(error.code), status=int(status), request_id=request_id)
    body = json.dumps(error.problem(request_id)).encode()
    head = (
        f"HTTP/1.1 {status} {status.phrase}\r\n"
        f"content-type: {MEDIA_TYPE}\r\n"
        f"content-length: {len(body)}\r\n"
        f"x-request-id: {request_id}\r\n"
        "x-content-type-options: nosniff\r\n"
        "connection: close\r\n"
        "\r\n"
    )
    return head.encode() + body
