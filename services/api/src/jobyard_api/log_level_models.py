"""What the routes about log levels take and give, as Pydantic models."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from jobyard.observability.log_level import Service

DEFAULT_SECONDS = 600
MOST_SECONDS = 86_400
"""A level that somebody forgot must not fill the disks for ever."""

Level = Literal["debug", "info", "warning", "error"]


class LogLevelRequest(BaseModel):
    """What a service is to log, and for how long."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"level": "debug", "seconds": 600}]}
    )

    level: Level
    seconds: Annotated[int, Field(strict=True, ge=1, le=MOST_SECONDS)] = Field(
        DEFAULT_SECONDS, description="Until it logs as configured again"
    )


class LogLevel(BaseModel):
    """What a service is asked to log; null where it logs as it is configured."""

    service: Service
    level: Level | None
    until: datetime | None


class LogLevelList(BaseModel):
    """All services."""

    log_levels: list[LogLevel]
