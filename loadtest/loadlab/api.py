"""The API as the lab uses it beside the load: reads that may fail, and the stream of events."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDED = ("succeeded", "failed", "canceled", "expired")
_SILENT_SECONDS = 60.0
"""The API sends a comment every 15 s."""


class Api:
    """One client; not for several threads at once."""

    def __init__(self, url: str, timeout_seconds: float = 5.0) -> None:
        key = os.environ.get("JOBYARD_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_seconds)

    def read(self, path: str) -> dict[str, Any] | None:
        """The JSON at a path; None when it did not come."""
        try:
            response = self._http.get(path)
            found: dict[str, Any] | None = response.json() if response.is_success else None
        except (httpx.HTTPError, ValueError):
            return None
        return found

    def state(self, job_id: str) -> str | None:
        """A job's state; ``unknown`` when there is no such job, None when nobody answered."""
        try:
            response = self._http.get(f"/v1/jobs/{job_id}")
            if response.status_code == httpx.codes.NOT_FOUND:
                return "unknown"
            return str(response.raise_for_status().json()["state"])
        except (httpx.HTTPError, ValueError):
            return None

    def ends(self, last_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """What ended after the place ``last_id``, as ``(place, event)``; an empty event is a place.

        Raises:
            httpx.HTTPError: The stream broke; go on from the last place.
        """
        headers = {"Last-Event-ID": last_id} if last_id else {}
        states = {"state": _ENDED}
        timeout = httpx.Timeout(5.0, read=_SILENT_SECONDS)
        with self._http.stream(
            "GET", "/v1/events", params=states, headers=headers, timeout=timeout
        ) as response:
            response.raise_for_status()
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    last_id = value
                    yield last_id, {}
                elif name == "data":
                    yield last_id, json.loads(value)
