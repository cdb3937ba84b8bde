"""Moves that a person asks for: what a request says of them, and why they are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from jobyard.ids import new_id
from jobyard.store import move_calls
from jobyard.store.records.job import MoveOutcome
from jobyard_api.models import MAX_DELAY_SECONDS, Moment
from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jobyard.store import AsyncStore
    from jobyard.store.calls import Call
    from jobyard.store.records.job import JobRecord


class RescheduleRequest(BaseModel):
    """When a job that waits becomes due; a time that is past means at once."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"delay_seconds": 3600}]}
    )

    delay_seconds: float | None = Field(
        None, strict=True, ge=0, le=MAX_DELAY_SECONDS, description="So much later than now"
    )
    run_at: Moment | None = Field(None, description="At this time (RFC 3339 with offset)")

    @field_validator("run_at")
    @classmethod
    def _near(cls, value: datetime | None) -> datetime | None:
        if value and value > datetime.now(UTC) + timedelta(seconds=MAX_DELAY_SECONDS):
            raise ValueError("is more than ten years ahead")
        return value

    @model_validator(mode="after")
    def _one_time(self) -> RescheduleRequest:
        if (self.delay_seconds is None) is (self.run_at is None):
            raise ValueError("give either delay_seconds or run_at")
        return self


class Moves:
    """The core of such moves. A part of ``Yard``; ``owner`` as there."""

    def __init__(
        self, store: AsyncStore, job: Callable[[str, str | None], Awaitable[JobRecord]]
    ) -> None:
        """``job`` reads one job, or raises what the route answers with."""
        self._store = store
        self._job = job

    async def retry(self, job_id: str, owner: str | None) -> JobRecord:
        """Queues a job anew that failed or was canceled; returns it as it is then.

        Raises:
            RefusalError: The owner has none of that id, or it is in another state.
        """
        return await self._move(job_id, owner, move_calls.retry([job_id], new_id(), owner))

    async def reschedule(
        self, job_id: str, owner: str | None, request: RescheduleRequest
    ) -> JobRecord:
        """Gives a job that waits another time; returns it as it is then.

        Raises:
            RefusalError: The owner has none of that id, or it does not wait.
        """
        call = move_calls.reschedule(
            [job_id],
            new_id(),
            owner,
            run_at=request.run_at,
            delay_seconds=request.delay_seconds,
        )
        return await self._move(job_id, owner, call)

    async def delete(self, job_id: str, owner: str | None) -> None:
        """Forgets a job that does not run. One that is gone by then was deleted, by whom ever.

        Raises:
            RefusalError: The owner has none of that id, or it runs.
        """
        await self._job(job_id, owner)
        [outcome] = await self._store.run(move_calls.delete([job_id], owner))
        if outcome in _REFUSALS:
            raise _refused(outcome, await self._job(job_id, owner))

    async def _move(
        self, job_id: str, owner: str | None, call: Call[list[MoveOutcome]]
    ) -> JobRecord:
        await self._job(job_id, owner)
        [outcome] = await self._store.run(call)
        record = await self._job(job_id, owner)
        if outcome in _REFUSALS:
            raise _refused(outcome, record)
        return record


_REFUSALS = {
    MoveOutcome.RUNNING: (Code.JOB_RUNNING, "The job is running: cancel it first, or wait."),
    MoveOutcome.ENDED: (Code.JOB_ENDED, "The job has ended already, as `state` says."),
    MoveOutcome.TAKEN: (Code.UNIQUE_CONFLICT, "Another job has its unique key by now."),
    MoveOutcome.WAITING: (Code.JOB_WAITING, "The job waits, as `state` says."),
    MoveOutcome.TAKEN: (Code.UNIQUE_CONFLICT, "Another job has its unique key by now."),
}


def _refused(outcome: MoveOutcome, record: JobRecord) -> RefusalError:
    code, detail = _REFUSALS[outcome]
    return RefusalError(code, detail, members={"state": str(record.state)})
