"""Follows one job until it ends: a line for each change, and how it ended as the exit code."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from jobyard.states import TERMINAL, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard_cli.client import ApiClient

FIRST_POLL_SECONDS = 0.05
LAST_POLL_SECONDS = 1.0


def watch(client: ApiClient, job_id: str, say: Callable[[str], None]) -> int:
    """Follows a job; returns 0 when it succeeded, otherwise 1.

    Raises:
        ApiError: There is no such job, or the API does not answer.
    """
    pause_seconds, shown = FIRST_POLL_SECONDS, ""
    while True:
        job = client.job(job_id)
        line = _describe(job)
        if line != shown:
            say(line)
            pause_seconds, shown = FIRST_POLL_SECONDS, line
        if job.get("state") in TERMINAL:
            return 0 if job["state"] == State.SUCCEEDED else 1
        time.sleep(pause_seconds)
        pause_seconds = min(pause_seconds * 1.5, LAST_POLL_SECONDS)


def _describe(job: dict[str, Any]) -> str:
    parts = [str(job.get("id")), str(job.get("state"))]
    if job.get("state") == State.SUCCEEDED:
        parts.append(_short(job.get("result")))
    elif isinstance(job.get("error"), dict):
        parts.append(f"{job['error'].get('type')}: {job['error'].get('message')}")
    elif job.get("progress") is not None:
        parts.append(f"progress {_short(job['progress'])}")
    return "  ".join(parts)


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
