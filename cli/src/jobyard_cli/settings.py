"""Settings of the command line: what `up` starts, and where the client finds the API."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator

from jobyard.queues import check_name
from jobyard.scaling import Pool, Terms
from jobyard.settings import Names, Settings, env, queue_list


class UpSettings(Settings):
    """Settings of ``jobyard up``; the processes that it starts read the others themselves."""

    api_host: str = Field(
        "127.0.0.1",
        validation_alias=env("JOBYARD_API_HOST"),
        description="address of the API",
    )
    api_port: int = Field(
        8000,
        ge=0,
        le=65535,
        validation_alias=env("JOBYARD_API_PORT"),
        description="port of the API; 0 takes a free one",
    )
    workers: int = Field(
        2,
        ge=0,
        le=256,
        validation_alias=env("JOBYARD_WORKERS"),
        description="worker processes",
    )
    grace_seconds: float = Field(
        30.0,
        gt=0,
        validation_alias=env("JOBYARD_GRACE_SECONDS"),
        description="from Ctrl-C to the end of a worker",
    )
    pool: str = Field(
        "default",
        validation_alias=env("JOBYARD_POOL"),
        description="name of the group of workers that are scaled together",
    )
    queues: Names = Field(
        (),
        validation_alias=env("JOBYARD_QUEUES"),
        description="comma list of queues of the workers; without it those of all tasks",
    )
    concurrency: int = Field(
        8,
        ge=1,
        validation_alias=env("JOBYARD_CONCURRENCY"),
        description="jobs at once in one worker",
    )
    autoscale: bool = Field(
        False,
        validation_alias=env("JOBYARD_AUTOSCALE"),
        description="true lets the number of workers follow the work",
    )
    autoscale_min: int = Field(
        0,
        ge=0,
        le=256,
        validation_alias=env("JOBYARD_AUTOSCALE_MIN"),
        description="fewest workers then",
    )
    autoscale_max: int = Field(
        4,
        ge=1,
        le=256,
        validation_alias=env("JOBYARD_AUTOSCALE_MAX"),
        description="most workers then",
    )
    latency_target_seconds: float = Field(
        30.0,
        gt=0,
        validation_alias=env("JOBYARD_AUTOSCALE_LATENCY_TARGET_SECONDS"),
        description="how long a job may wait for its start",
    )
    mean_job_seconds: float = Field(
        1.0,
        gt=0,
        validation_alias=env("JOBYARD_AUTOSCALE_MEAN_JOB_SECONDS"),
        description="how long a job runs on average",
    )
    cooldown_seconds: float = Field(
        120.0,
        ge=0,
        validation_alias=env("JOBYARD_AUTOSCALE_COOLDOWN_SECONDS"),
        description="without work before the last worker goes",
    )
    window_seconds: float = Field(
        120.0,
        ge=0,
        le=3600,
        validation_alias=env("JOBYARD_AUTOSCALE_WINDOW_SECONDS"),
        description="after the last need before workers go",
    )
    speed: float = Field(
        1.0,
        gt=0,
        validation_alias=env("JOBYARD_AUTOSCALE_SPEED"),
        description="10 makes all pauses, windows and the cooldown ten times shorter",
    )

    @field_validator("queues", mode="before")
    @classmethod
    def _queues(cls, value: Any) -> Any:
        return queue_list(value)

    @field_validator("pool")
    @classmethod
    def _pool(cls, value: str) -> str:
        return check_name(value, "pool")

    @model_validator(mode="after")
    def _min_is_not_above_max(self) -> Self:
        if self.autoscale_min > self.autoscale_max:
            raise ValueError(
                f"JOBYARD_AUTOSCALE_MIN {self.autoscale_min} is above "
                f"JOBYARD_AUTOSCALE_MAX {self.autoscale_max}"
            )
        return self

    def scaled_pool(self, queues: tuple[str, ...]) -> Pool:
        """The pool of all workers of the yard, which serve ``queues``."""
        return Pool(
            name=self.pool,
            queues=queues,
            concurrency=self.concurrency,
            latency_target_seconds=self.latency_target_seconds,
            mean_job_seconds=self.mean_job_seconds,
            min=self.autoscale_min,
            max=self.autoscale_max,
        )

    def terms(self) -> Terms:
        """How it is scaled: as the chart does it, but for what is set, ``speed`` times as fast."""
        usual = Terms()
        down = replace(usual.behavior.down, window_seconds=self.window_seconds)
        terms = replace(
            usual,
            minimum=self.autoscale_min,
            maximum=self.autoscale_max,
            cooldown_seconds=self.cooldown_seconds,
            behavior=replace(usual.behavior, down=down),
        )
        return terms.quicker(self.speed)

    @property
    def uses_outside_store(self) -> bool:
        """Whether a server was named, so that none is started."""
        return "redis_url" in self.model_fields_set and bool(self.redis_url)

    def with_store(self, url: str) -> Self:
        """These settings with the store at ``url``."""
        return self.model_copy(update={"redis_url": url})


class ClientSettings(Settings):
    """Settings of the commands that talk to the API."""

    api_url: HttpUrl = Field(
        HttpUrl("http://127.0.0.1:8000"),
        validation_alias=env("JOBYARD_API_URL"),
        description="where the API is",
    )
    api_key: SecretStr | None = Field(
        None,
        validation_alias=env("JOBYARD_API_KEY"),
        description="the key that is sent with each request",
    )
