"""Pools of workers that are scaled together, as ``JOBYARD_POOLS`` names them."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.alias_generators import to_camel

from jobyard.lanes import base_of
from jobyard.queues import check_name
from jobyard.scaling.signal import backlog_per_slot


class Pool(BaseModel):
    """One pool; in JSON with the chart's names (``latencyTargetSeconds``). Times in seconds.

    Attributes:
        name: As in ``JOBYARD_POOL`` of its workers.
        queues: Those that its workers serve; no other scaled pool may have one of them.
        concurrency: Slots of one worker.
        latency_target_seconds: How long a job may wait for its start.
        mean_job_seconds: How long a job runs, on average.
        min: Workers that are there when there is nothing to do.
        max: Workers that are never exceeded.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, populate_by_name=True
    )

    name: str
    queues: tuple[str, ...] = Field(min_length=1)
    concurrency: int = Field(8, ge=1)
    latency_target_seconds: float = Field(30.0, gt=0, allow_inf_nan=False)
    mean_job_seconds: float = Field(1.0, gt=0, allow_inf_nan=False)
    min: int = Field(0, ge=0)
    max: int = Field(10, ge=1)

    @property
    def backlog(self) -> float:
        """B of the formula: jobs that one slot may have before it."""
        return backlog_per_slot(self.latency_target_seconds, self.mean_job_seconds)

    @field_validator("name")
    @classmethod
    def _named(cls, value: str) -> str:
        return check_name(value, "pool")

    @field_validator("queues")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        bases = (base_of(check_name(queue, "queue")) for queue in value)
        return tuple(dict.fromkeys(bases))

    @model_validator(mode="after")
    def _min_is_not_above_max(self) -> Pool:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


def pools_from(text: str) -> tuple[Pool, ...]:
    """Reads ``[{"name": "mail", "queues": ["mail"], "concurrency": 8, …}, …]``.

    Raises:
        ValueError: It is not that; or two pools have one name, or serve one queue: each of them
            would be scaled for all of its jobs.
    """
    pools = tuple(_pool(number, each) for number, each in enumerate(_list(text)))
    _refuse_second([pool.name for pool in pools], "two pools have the name {}")
    _refuse_second(
        [queue for pool in pools for queue in pool.queues],
        "queue {} is in two scaled pools, and each would be scaled for all of its jobs",
    )
    return pools


def _list(text: str) -> list[Any]:
    try:
        value = json.loads(text or "[]")
    except ValueError as error:
        raise ValueError(f"not JSON ({error})") from None
    if not isinstance(value, list):
        raise ValueError('give a JSON list, as in [{"name": "mail", "queues": ["mail"]}]')  # noqa: TRY004
    return value


def _pool(number: int, value: Any) -> Pool:
    try:
        return Pool.model_validate(value)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, (f"[{number}]", *problem["loc"])))
        reason = problem["msg"].removeprefix("Value error, ")
        raise ValueError(f"{place}: {reason}") from None


def _refuse_second(names: list[str], reason: str) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise ValueError(reason.format(repr(name)))
