"""The worker's own settings, on top of the common ones."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import NoDecode

from jobyard.queues import BUILT_IN_QUEUES, check_name
from jobyard.settings import (
    MetricsSettings,
    Names,
    Settings,
    env,
    metrics_port_field,
    queue_list,
)

if TYPE_CHECKING:
    from jobyard.registry import Registry

_MOST_SLOTS = 1_000
_MOST_COROUTINES = 10_000


def _default_queues(fields: dict[str, Any]) -> tuple[str, ...]:
    """The queues of the built-in tasks, and the configured default queue."""
    return tuple(dict.fromkeys((*BUILT_IN_QUEUES, fields.get("default_queue", "default"))))


def _weight(text: str) -> tuple[str, float]:
    name, _, weight = text.partition(":")
    try:
        number = float(weight)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise ValueError(f"{text!r} is not queue:weight with a weight above 0")
    return check_name(name.strip(), "queue"), number


class TaskSettings(Settings):
    """What whoever runs tasks reads: workers, their children, and RQ's own workers."""

    max_result_bytes: int = Field(
        16_777_216,
        ge=1_024,
        le=33_554_432,
        validation_alias=env("JOBYARD_MAX_RESULT_BYTES"),
        description="largest result of a task, as JSON; a job that returns more fails",
    )


class WorkerSettings(TaskSettings, MetricsSettings):
    """Settings of ``jobyard-worker``; times in seconds."""

    queues: Names = Field(
        default_factory=_default_queues,
        validation_alias=env("JOBYARD_QUEUES"),
        description="comma list of queues, the first emptied first",
    )
    queue_order: Literal["strict", "weighted", "round_robin", "random"] = Field(
        "strict",
        validation_alias=env("JOBYARD_QUEUE_ORDER"),
        description="which queue comes first: strict, weighted, round_robin or random",
    )
    queue_weights: Annotated[dict[str, float], NoDecode] = Field(
        default_factory=dict,
        validation_alias=env("JOBYARD_QUEUE_WEIGHTS"),
        description="for weighted, as in high:6,default:3; a queue that is not named has 1",
    )
    pool: str = Field(
        "default",
        validation_alias=env("JOBYARD_POOL"),
        description="name of the group of workers that are scaled together",
    )
    executor: Literal["thread", "process", "asyncio"] = Field(
        "thread",
        validation_alias=env("JOBYARD_EXECUTOR"),
        description="where jobs run: in threads, in warm processes, or on one event loop",
    )
    concurrency: int = Field(
        8,
        ge=1,
        le=_MOST_COROUTINES,
        validation_alias=env("JOBYARD_CONCURRENCY"),
        description=f"jobs at once; above {_MOST_SLOTS} only with asyncio",
    )
    kill_seconds: float = Field(
        5.0,
        gt=0,
        validation_alias=env("JOBYARD_KILL_SECONDS"),
        description="from telling a job in a child to end to killing the child",
    )
    child_max_jobs: int = Field(
        100_000,
        ge=0,
        validation_alias=env("JOBYARD_CHILD_MAX_JOBS"),
        description="jobs after which a warm child is replaced; 0 for any number",
    )
    child_max_mb: int = Field(
        0,
        ge=0,
        validation_alias=env("JOBYARD_CHILD_MAX_MB"),
        description="resident memory above which a warm child is replaced; 0 for any (Linux)",
    )
    grace_seconds: float = Field(
        30.0,
        gt=0,
        validation_alias=env("JOBYARD_GRACE_SECONDS"),
        description="from SIGTERM to the end",
    )
    max_job_seconds: float = Field(
        0.0,
        ge=0,
        validation_alias=env("JOBYARD_MAX_JOB_SECONDS"),
        description="longest timeout of a job here, whatever it asks for; 0 for any",
    )
    deletion_cost: bool = Field(
        False,
        validation_alias=env("JOBYARD_DELETION_COST"),
        description="true tells Kubernetes to take idle pods first when it scales in",
    )
    pod_name: str = Field(
        "", validation_alias=env("POD_NAME"), description="name of the worker's pod, for that"
    )
    pod_namespace: str = Field(
        "", validation_alias=env("POD_NAMESPACE"), description="and its namespace"
    )
    kubernetes_host: str = Field(
        "",
        validation_alias=env("KUBERNETES_SERVICE_HOST"),
        description="API server; Kubernetes sets it in each pod",
    )
    kubernetes_port: int = Field(
        443,
        ge=1,
        le=65535,
        validation_alias=env("KUBERNETES_SERVICE_PORT"),
        description="port of the API server",
    )
    service_account: Path = Field(
        Path("/var/run/secrets/kubernetes.io/serviceaccount"),
        validation_alias=env("JOBYARD_SERVICE_ACCOUNT"),
        description="directory of the token and ca.crt that the API server is asked with",
    )
    stall_seconds: float = Field(
        300.0,
        gt=0,
        validation_alias=env("JOBYARD_STALL_SECONDS"),
        description="a main loop that stands still for longer is killed",
    )
    crash_budget: int = Field(
        3,
        ge=1,
        validation_alias=env("JOBYARD_CRASH_BUDGET"),
        description="deaths of its own child after which a job is a dead letter",
    )
    metrics_port: int = metrics_port_field(9401)

    rq_functions: Names = Field(
        (),
        validation_alias=env("JOBYARD_RQ_FUNCTIONS"),
        description="comma list of functions (dotted, * matches) that plain RQ jobs may name",
    )
    allow_pickle: bool = Field(
        False,
        validation_alias=env("JOBYARD_ALLOW_PICKLE"),
        description="true runs records in RQ's default serializer; who writes them runs any code",
    )

    @field_validator("rq_functions", mode="before")
    @classmethod
    def _patterns(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("queues", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return queue_list(value)

    @field_validator("queue_weights", mode="before")
    @classmethod
    def _weights(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return dict(map(_weight, filter(None, map(str.strip, value.split(",")))))

    @model_validator(mode="after")
    def _weights_are_used(self) -> Self:
        if self.queue_weights and self.queue_order != "weighted":
            raise ValueError("JOBYARD_QUEUE_WEIGHTS needs JOBYARD_QUEUE_ORDER=weighted")
        return self

    @model_validator(mode="after")
    def _pod_is_known(self) -> Self:
        known = self.pod_name and self.pod_namespace and self.kubernetes_host
        if self.deletion_cost and not known:
            raise ValueError(
                "JOBYARD_DELETION_COST needs POD_NAME, POD_NAMESPACE and, in a pod always there, "
                "KUBERNETES_SERVICE_HOST"
            )
        return self

    @field_validator("concurrency")
    @classmethod
    def _threads_are_dear(cls, value: int, info: ValidationInfo) -> int:
        if value > _MOST_SLOTS and info.data.get("executor") != "asyncio":
            raise ValueError(f"at most {_MOST_SLOTS}, or set JOBYARD_EXECUTOR=asyncio")
        return value

    @field_validator("pool")
    @classmethod
    def _pool(cls, value: str) -> str:
        return check_name(value, "pool")

    def with_queues_of(self, registry: Registry) -> Self:
        """Where ``JOBYARD_QUEUES`` says nothing, the queues of the worker's own tasks as well."""
        if "queues" in self.model_fields_set:
            return self
        theirs = sorted({task.queue for task in registry.tasks() if task.queue})
        return self.model_copy(update={"queues": tuple(dict.fromkeys((*self.queues, *theirs)))})
