"""Settings of the scheduler, on top of the common ones."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from jobyard.settings import MetricsSettings, env, metrics_port_field


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
    metrics_port: int = metrics_port_field(9402)
