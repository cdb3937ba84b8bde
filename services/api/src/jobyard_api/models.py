"""What the ``/v1`` routes take and give, as Pydantic models."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from jobyard.lanes import Priority, priority_of
from jobyard.orders import Order
from jobyard.queues import NAME_PATTERN
from jobyard.retry import RetryPolicy
from jobyard.states import State
from jobyard.store.records.submission import OnConflict, Unique
from jobyard_api.problems import Problem

if TYPE_CHECKING:
    from jobyard.store.records.submission import Idempotency

MAX_BATCH = 1_000
MAX_TOGETHER = 100
MAX_DELAY_SECONDS = 10 * 366 * 86_400
MAX_TTL_SECONDS = 366 * 86_400
MAX_TIMEOUT_SECONDS = 7 * 86_400
_DATE_AND_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt _][0-9]")
"""Pydantic takes numbers in a text for seconds since 1970; what else is wrong it finds itself."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _text_only(value: Any) -> Any:
    if not isinstance(value, str) or not _DATE_AND_TIME.match(value):
        raise ValueError("use RFC 3339 text with an offset, as in 2030-01-31T09:00:00Z")
    return value


def _or_none(text: Any) -> Any:
    return text or None


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Moment = Annotated[AwareDatetime, BeforeValidator(_text_only)]
Seconds = Annotated[int, Field(strict=True, ge=1, le=MAX_TTL_SECONDS)]


class UniqueKey(BaseModel):
    """A key that one job holds at a time, from its submission until it has ended."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    on_conflict: OnConflict = Field(
        OnConflict.REJECT,
        description="While another job holds the key: reject this one (409), answer with the "
        "existing one (200), or replace it, which cancels it if it waits (409 if it runs)",
    )

    def unique(self) -> Unique:
        """The same for the store."""
        return Unique(self.key, self.on_conflict)


class JobRequest(BaseModel):
    """A job to be submitted. What is left out comes from the task."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"task": "add", "payload": {"a": 2, "b": 3}}]},
    )

    task: str = Field(description="Name of a task of GET /v1/tasks", max_length=64)
    payload: dict[str, Any] = Field(
        default_factory=dict, description="Must fit the task's JSON Schema"
    )
    queue: Name | None = Field(None, description="Default: the task's queue")
    priority: Priority | None = Field(
        None, description="Which jobs of the queue run first. Default: normal"
    )
    delay_seconds: float | None = Field(
        None, strict=True, ge=0, le=MAX_DELAY_SECONDS, description="Run this much later"
    )
    run_at: Moment | None = Field(
        None, description="Run at this time (RFC 3339 with offset); at once when it is past"
    )
    expires_at: Moment | None = Field(
        None, description="Pointless later: not started by then, it ends as expired (RFC 3339)"
    )
    timeout_seconds: int | None = Field(None, strict=True, ge=1, le=MAX_TIMEOUT_SECONDS)
    result_ttl_seconds: Seconds | None = Field(
        None, description="How long a job that succeeded stays readable"
    )
    failure_ttl_seconds: Seconds | None = Field(
        None, description="How long a job that failed or was cancelled stays readable"
    )
    retry: RetryPolicy | None = Field(None, description="Default: the task's policy")
    tags: list[Tag] = Field(default_factory=list, max_length=20)
    unique: UniqueKey | None = Field(None, description="Only one job at a time")

    @field_validator("run_at", "expires_at")
    @classmethod
    def _near(cls, value: datetime | None) -> datetime | None:
        if value and value > datetime.now(UTC) + timedelta(seconds=MAX_DELAY_SECONDS):
            raise ValueError("is more than ten years ahead")
        return value

    @field_validator("expires_at")
    @classmethod
    def _as_stored(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        if value < _EPOCH:
            raise ValueError("is before 1970")
        value = value.astimezone(UTC)
        return value.replace(microsecond=value.microsecond // 1000 * 1000)

    @model_validator(mode="after")
    def _one_time(self) -> JobRequest:
        if self.delay_seconds is not None and self.run_at is not None:
            raise ValueError("give delay_seconds or run_at, not both")
        return self

    @model_validator(mode="after")
    def _one_priority(self) -> JobRequest:
        named = priority_of(self.queue or "")
        if self.priority and named is not Priority.NORMAL and self.priority is not named:
            raise ValueError(f"queue names the priority {named}: leave out priority")
        return self

    @model_validator(mode="after")
    def _due_before_it_expires(self) -> JobRequest:
        if self.run_at and self.expires_at and self.run_at >= self.expires_at:
            raise ValueError("expires_at must be later than run_at")
        return self

    def order(self, idempotency: Idempotency | None) -> Order:
        """The order that this request places."""
        return Order(
            task=self.task,
            payload=self.payload,
            queue=self.queue,
            priority=self.priority,
            delay_seconds=self.delay_seconds,
            run_at=self.run_at,
            expires_at=self.expires_at,
            timeout_seconds=self.timeout_seconds,
            result_ttl_seconds=self.result_ttl_seconds,
            failure_ttl_seconds=self.failure_ttl_seconds,
            retry=self.retry.to_json() if self.retry else None,
            tags=tuple(self.tags),
            idempotency=idempotency,
            unique=self.unique.unique() if self.unique else None,
        )


class JobQuery(BaseModel):
    """Which jobs are listed. A misspelt filter is refused: without it, all jobs would be."""

    model_config = ConfigDict(extra="forbid")

    queue: Name | None = Field(None, description="Jobs of this queue")
    state: list[State] = Field(default_factory=list, description="Jobs in one of these states")
    task: Name | None = Field(None, description="Jobs of this task")
    tag: Tag | None = Field(None, description="Jobs with this tag")
    tenant: Name | None = Field(None, description="Operators only: whose jobs")
    created_after: Moment | None = Field(None, description="Submitted then or later (RFC 3339)")
    created_before: Moment | None = Field(None, description="Submitted before then (RFC 3339)")
    page_size: int = Field(50, ge=1, le=200, description="Jobs on one page")
    page_token: str | None = Field(None, description="next_page_token of the page before")


# Each member is validated by itself, so that one wrong job does not refuse the others.
BatchMember = Annotated[Any, WithJsonSchema({"$ref": "#/components/schemas/JobRequest"})]


class BatchRequest(BaseModel):
    """Up to 1 000 jobs; each is stored or refused by itself, or all of up to 100 or none."""

    model_config = ConfigDict(extra="forbid")

    jobs: list[BatchMember] = Field(min_length=1, max_length=MAX_BATCH)
    all_or_nothing: bool = Field(
        False, strict=True, description="Store none of up to 100 jobs when one is refused"
    )

    @model_validator(mode="after")
    def _few_together(self) -> BatchRequest:
        if self.all_or_nothing and len(self.jobs) > MAX_TOGETHER:
            raise ValueError(f"all_or_nothing takes at most {MAX_TOGETHER} jobs")
        return self


class _Answer(BaseModel):
    # NaN can stand in what foreign programs wrote into the store; JSON has no word for it.
    model_config = ConfigDict(ser_json_inf_nan="null", from_attributes=True)


class JobError(_Answer):
    """Why the last attempt ended badly."""

    type: str
    message: str | None
    traceback: str | None


class Job(_Answer):
    """One request to run a task. Times are RFC 3339 in UTC."""

    id: str
    task: str
    queue: str
    priority: Priority
    state: State
    payload: Any = Field(description="null when the record is not JSON")
    result: Any
    omitted: list[Literal["payload", "result"]] = Field(
        description="What is null here because it is large: GET /v1/jobs/{id} shows it"
    )
    error: JobError | None
    attempts: int = Field(description="Attempts that have ended")
    progress: Any
    tags: list[str]
    unique_key: str | None
    tenant: Annotated[str | None, BeforeValidator(_or_none)] = Field(
        description="Whose job it is; null where there are no tenants"
    )
    created_at: datetime | None
    scheduled_for: datetime | None
    expires_at: datetime | None = Field(description="Not started by then, it never is")
    started_at: datetime | None
    ended_at: datetime | None
    withheld: bool = Field(
        default=False,
        description="true: payload, result, progress and the error's text are null because the key "
        "does not have the scope payloads:read",
    )


class JobList(_Answer):
    """A page of jobs, newest first."""

    jobs: list[Job]
    next_page_token: str | None = Field(description="null on the last page")


class BatchResult(_Answer):
    """What became of one job of a batch: ``job`` or ``problem`` is set, as ``status`` says."""

    status: int
    job: Job | None = None
    problem: Problem | None = None


class BatchResponse(_Answer):
    """The outcomes, in the order of the request."""

    results: list[BatchResult]


class Attempt(_Answer):
    """How one attempt ended."""

    outcome: str
    attempt: int | None = Field(
        description="Its number, from 1; a crash has that of the attempt which it cut short"
    )
    started_at: datetime | None
    ended_at: datetime | None
    worker: str
    error: JobError | None = Field(
        description="Its text is empty where the key does not have the scope payloads:read"
    )


class AttemptList(_Answer):
    """The attempts that have ended, newest first; the store keeps the last ones."""

    attempts: list[Attempt]


class TaskVersion(_Answer):
    """One version of a task."""

    version: str
    first_seen_at: datetime | None
    served: bool = Field(description="By a worker that is alive")


class Task(_Answer):
    """A task as the processes that have it published it."""

    model_config = ConfigDict(populate_by_name=True)

    name: str
    description: str
    queue: str
    timeout_seconds: int
    result_ttl_seconds: int
    failure_ttl_seconds: int
    retry: dict[str, Any]
    isolated: bool
    version: str = Field(description="Fingerprint of the payload's schema")
    payload_schema: dict[str, Any] = Field(
        alias="schema", description="JSON Schema 2020-12 of the payload"
    )
    clash: bool = Field(
        description="Workers serve different versions: payloads are checked against this one, and "
        "may reach a worker of another"
    )
    versions: list[TaskVersion] = Field(description="All that are known, the one that counts first")


class TaskList(_Answer):
    """All published tasks, by name."""

    tasks: list[Task]


class Queue(_Answer):
    """How much of a queue waits, runs and has ended. What is null is not for this key."""

    name: str
    paused: bool = Field(description="No job of it starts")
    queued: int = Field(description="Jobs that wait for a worker")
    priorities: dict[Priority, int] = Field(description="`queued` by priority")
    oldest_enqueued_at: datetime | None = Field(description="Of the job that waits longest")
    oldest_age_seconds: float | None = Field(description="How long it has waited")
    wait_estimate_seconds: float | None = Field(
        description="queued ÷ out_per_second; null when nothing was worked off in the last minute"
    )
    scheduled: int | None = Field(description="Jobs that are delayed, retries included")
    blocked: int | None = Field(description="Jobs that wait for other jobs")
    running: int | None
    succeeded: int | None = Field(description="Stored jobs that succeeded; `counters` has all")
    failed: int | None
    canceled: int | None
    workers: int | None = Field(description="Workers that serve it")
    in_per_second: float | None = Field(description="Submitted jobs, over the last minute")
    out_per_second: float | None = Field(
        description="Jobs that succeeded, failed or expired, over the last minute"
    )
    counters: dict[str, int] | None = Field(description="What ever happened to its jobs")


PurgedState = Literal["queued", "scheduled"]


class PurgeRequest(BaseModel):
    """What is to be purged."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"confirm": "default"}]}
    )

    confirm: str = Field(description="The name of the queue, once more", max_length=64)
    states: list[PurgedState] = Field(
        ["queued"],
        min_length=1,
        max_length=2,
        description="`queued`: what waits. `scheduled`: what is delayed, retries included",
    )


class Purge(_Answer):
    """What a purge has done."""

    queue: str
    canceled: int = Field(description="Jobs that were canceled by this request")
    more: bool = Field(description="More is left: send the request again")


class UnreadableRecord(_Answer):
    """A piece of the store that stands where a job should, and cannot be read as one."""

    id: str = Field(description="As it stood in the queue; what is no text is replaced")
    queue: str
    reason: str
    at: datetime | None = Field(description="When it was found")


class UnreadableRecordList(_Answer):
    """Some of the records that were put aside, in no order."""

    records: list[UnreadableRecord]
    next_page_token: str | None = Field(description="null on the last page")


class QueueList(_Answer):
    """All queues, by name."""

    queues: list[Queue]


class WorkerJob(_Answer):
    """A job in a worker's hands."""

    id: str
    task: str = Field(description="Empty for a job of plain RQ code")
    queue: str
    since: datetime | None = Field(description="When the worker took it")


class Worker(_Answer):
    """A worker process."""

    name: str
    state: str = Field(description="As RQ's tools show it: `idle`, `busy`, `suspended` …")
    draining: bool = Field(description="It was asked to leave, and does when nothing runs")
    queues: list[str]
    pool: str
    slots: int = Field(description="Jobs that it can run at once")
    busy: int = Field(description="Slots that run a job")
    jobs: list[WorkerJob] = Field(description="What it works on, at most 100")
    hostname: str
    pid: int | None
    version: str
    born_at: datetime | None
    last_heartbeat_at: datetime | None
    succeeded: int
    failed: int
    engine: str = Field(
        description="`jobyard`, or `rq` for a worker of RQ's own, whose jobs have no lease"
    )


class WorkerList(_Answer):
    """All registered workers, by name."""

    workers: list[Worker]


class Health(_Answer):
    """``ok``, or the process is not ready."""

    status: str
