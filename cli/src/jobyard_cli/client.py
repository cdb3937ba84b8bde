"""The API as the commands use it: two calls, and every refusal as one line."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx

from jobyard.errors import JobyardError

if TYPE_CHECKING:
    from types import TracebackType

TIMEOUT_SECONDS = 10.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class ApiError(JobyardError):
    """The API refused, or did not answer."""


class ApiClient:
    """Speaks to one API; open while in the ``with`` block."""

    def __init__(self, url: str, key: str | None = None) -> None:
        """``key`` is sent with each request; an API in open mode needs none."""
        self._url = url.rstrip("/")
        is_local = httpx.URL(url).host in _LOOPBACK
        self._http = httpx.Client(
            base_url=self._url,
            timeout=TIMEOUT_SECONDS,
            trust_env=not is_local,
            headers={"Authorization": f"Bearer {key}"} if key else None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def submit(self, task: str, payload: dict[str, Any], queue: str | None) -> dict[str, Any]:
        """Submits a job and returns it.

        Raises:
            ApiError: It was refused, or the API does not answer.
        """
        body = {"task": task, "payload": payload} | ({"queue": queue} if queue else {})
        return _json(self._send("POST", "/v1/jobs", _encode(body)))

    def job(self, job_id: str) -> dict[str, Any]:
        """Reads a job; waits while the API says that its store is away.

        Raises:
            ApiError: There is no such job, or the API does not answer.
        """
        path = f"/v1/jobs/{quote(job_id, safe='')}"
        response = self._send("GET", path)
        while response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            time.sleep(_retry_after_seconds(response))
            response = self._send("GET", path)
        return _json(response)

    def _send(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            return self._http.request(method, path, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ApiError(
                f"The API at {self._url} does not answer ({error}). Start it with `jobyard up`, "
                "or name it with JOBYARD_API_URL"
            ) from None


def _encode(body: dict[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
    except ValueError as error:
        raise ApiError(f"This cannot be sent as JSON: {error}") from None


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ApiError(f"{response.url} is no Jobyard API: it answers {response.status_code}")
    if response.is_success:
        return body
    raise ApiError(_explain(response.status_code, body))


def _explain(status: int, problem: dict[str, Any]) -> str:
    """An RFC 9457 problem as one line."""
    text = str(problem.get("detail") or problem.get("title") or "refused")
    errors = problem.get("errors")
    for error in errors if isinstance(errors, list) else []:
        if isinstance(error, dict) and str(error.get("detail")) not in text:
            text += f"; {error.get('pointer', '')}: {error.get('detail', '')}"
    return f"{status}: {text}"


def _retry_after_seconds(response: httpx.Response) -> float:
    value = response.headers.get("Retry-After", "1")
    return min(float(value), 30.0) if value.isdecimal() else 1.0
