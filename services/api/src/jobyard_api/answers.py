"""Shapes what the core returns into responses: one serialisation, no second validation."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json
from starlette.responses import Response

from jobyard_api.models import Attempt, Job, Queue, Task, TaskVersion, UnreadableRecord, Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobyard.store.records.catalogue import PublishedTask
    from jobyard.store.records.job import Attempt as EndedAttempt
    from jobyard.store.records.job import JobRecord, Unreadable
    from jobyard.store.records.oversight import QueueInfo, WorkerInfo

JSON = "application/json"


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


def job_of(record: JobRecord) -> Job:
    """A stored job."""
    return Job.model_validate(record)


def text_of(record: JobRecord) -> bytes:
    """The JSON of a stored job."""
    return json_text(job_of(record))


def attempt_of(record: EndedAttempt) -> Attempt:
    """One attempt of a job."""
    return Attempt.model_validate(record)


def task_of(task: PublishedTask) -> Task:
    """A published task."""
    versions = [TaskVersion.model_validate(version) for version in task.versions]
    return Task(**asdict(task.record), clash=task.clash, versions=versions)


def queue_of(info: QueueInfo, owner: str | None = None) -> Queue:
    """One queue; an owner is shown what waits, and not what becomes of all tenants' jobs."""
    queue = Queue.model_validate(info)
    return queue if owner is None else queue.model_copy(update=_FOR_OPERATORS)


def unreadable_of(record: Unreadable) -> UnreadableRecord:
    """One record that was put aside."""
    return UnreadableRecord.model_validate(record)


def worker_of(info: WorkerInfo) -> Worker:
    """One worker."""
    return Worker.model_validate(info)


_FOR_OPERATORS = dict.fromkeys(
    (
        "scheduled", "blocked", "running", "succeeded", "failed", "canceled", "workers",
        "in_per_second", "out_per_second", "counters",
    )
)  # fmt: skip
