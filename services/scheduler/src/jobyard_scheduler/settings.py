"""Settings of the scheduler, on top of the common ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from jobyard.scaling import Pool, pools_from
from jobyard.settings import MetricsSettings, env, metrics_port_field
from jobyard_scheduler.budgets import Budgets, budgets_from


class SchedulerSettings(MetricsSettings):
    """What ``jobyard-scheduler`` reads from the environment."""

    schedules_file: Path | None = Field(
        None,
        validation_alias=env("JOBYARD_SCHEDULES_FILE"),
        description="TOML file of schedules, see docs/schedules.md",
    )
    notifications: bool = Field(
        True,
        validation_alias=env("JOBYARD_NOTIFICATIONS"),
        description="the built-in notification every 30 s",
    )
    queue_budget_bytes: Annotated[Budgets, NoDecode] = Field(
        Budgets(),
        validation_alias=env("JOBYARD_QUEUE_BUDGET_BYTES"),
        description="what a queue's ended jobs may take, as in 500000000,reports:900000000; 0: any",
    )
    pools: Annotated[tuple[Pool, ...], NoDecode] = Field(
        (),
        validation_alias=env("JOBYARD_POOLS"),
        description="JSON list of pools that are scaled, see docs/scaling.md",
    )
    metrics_port: int = metrics_port_field(9402)

    @field_validator("pools", mode="before")
    @classmethod
    def _pools(cls, value: Any) -> Any:
        return pools_from(value) if isinstance(value, str) else value

    @field_validator("queue_budget_bytes", mode="before")
    @classmethod
    def _budgets(cls, value: Any) -> Any:
        return budgets_from(value) if isinstance(value, str) else value
