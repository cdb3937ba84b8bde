"""Shapes what the core returns into responses: one serialisation, no second validation."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json
from starlette.responses import Response

from jobyard.lanes import base_of, priority_of
from jobyard_api.models import Attempt, Job, Queue, Task, TaskVersion, UnreadableRecord, Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobyard.states import State
    from jobyard.store import records

JSON = "application/json"

NEW_JOB: dict[str, Any] = {
    **dict.fromkeys(Job.model_fields),
    "priority": "normal",
    "omitted": [],
    "attempts": 0,
    "withheld": False,
}
"""What a job is that was never run, without its payload."""
del NEW_JOB["payload"]


def answer(
    content: Any, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    """A response of any model or plain value."""
    return JsonText(json_text(content), status, headers)


def json_text(content: Any) -> bytes:
    """Any model or plain value as JSON. NaN, which JSON lacks, becomes null."""
    return to_json(content, inf_nan_mode="null", serialize_unknown=True)


class JsonText(Response):
    """JSON that is text already; its headers are not looked through for what is there."""

    media_type = JSON

    def __init__(
        self, text: bytes, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
    ) -> None:
        self.body = text
        self.status_code = status
        self.background = None
        self.raw_headers = [
            (b"content-length", str(len(text)).encode()),
            (b"content-type", JSON.encode()),
        ]
        if headers:
            self.raw_headers += [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in headers.items()
            ]


def job_of(record: records.JobRecord) -> Job:
    """A stored job."""
    return Job.model_validate(record)


def text_of(record: records.JobRecord) -> bytes:
    """The JSON of a stored job."""
    return json_text(job_of(record))


def text_of_submission(submission: records.Submission, state: State) -> bytes:
    """The JSON of a job that was stored this moment, without reading it back.

    As ``Job`` would write it, in a third of the time: the payload is JSON already, and nothing that
    we made ourselves is validated.
    """
    now = datetime.now(UTC)
    own = to_json(
        {
            "id": submission.id,
            "task": submission.task,
            "queue": base_of(submission.queue),
            "priority": priority_of(submission.queue).value,
            "state": state.value,
            "tags": submission.tags,
            "unique_key": submission.unique.key if submission.unique else None,
            "tenant": submission.tenant or None,
            "created_at": _rfc3339(now),
            "scheduled_for": _rfc3339(_due(submission, now)),
            "expires_at": _rfc3339(submission.expires_at),
        }
    )
    return b'%s,"payload":%s,%s' % (own[:-1], submission.payload, _OF_ALL_NEW_JOBS)


_OF_EACH_NEW_JOB = (
    "id", "task", "queue", "priority", "state", "tags", "unique_key", "tenant", "created_at",
    "scheduled_for", "expires_at",
)  # fmt: skip
_OF_ALL_NEW_JOBS = to_json(
    {name: value for name, value in NEW_JOB.items() if name not in _OF_EACH_NEW_JOB}
)[1:]


def attempt_of(record: records.Attempt) -> Attempt:
    """One attempt of a job."""
    return Attempt.model_validate(record)


def task_of(task: records.PublishedTask) -> Task:
    """A published task."""
    versions = [TaskVersion.model_validate(version) for version in task.versions]
    return Task(**asdict(task.record), clash=task.clash, versions=versions)


def queue_of(info: records.QueueInfo, owner: str | None = None) -> Queue:
    """One queue; an owner is shown what waits, and not what becomes of all tenants' jobs."""
    queue = Queue.model_validate(info)
    return queue if owner is None else queue.model_copy(update=_FOR_OPERATORS)


def unreadable_of(record: records.Unreadable) -> UnreadableRecord:
    """One record that was put aside."""
    return UnreadableRecord.model_validate(record)


def worker_of(info: records.WorkerInfo) -> Worker:
    """One worker."""
    return Worker.model_validate(info)


_FOR_OPERATORS = dict.fromkeys(
    (
        "scheduled", "blocked", "running", "succeeded", "failed", "canceled", "workers",
        "in_per_second", "out_per_second", "counters",
    )
)  # fmt: skip


def _rfc3339(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _due(submission: records.Submission, now: datetime) -> datetime | None:
    if submission.run_at is not None and submission.run_at > now:
        return submission.run_at.astimezone(UTC)
    if submission.delay_seconds:
        return now + timedelta(seconds=submission.delay_seconds)
    return None
