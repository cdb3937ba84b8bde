"""How a job ended, as ``GET /v1/jobs/{id}/result`` shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from jobyard.states import State
from jobyard_api.models import JobError


class Outcome(BaseModel):
    """The outcome of a job; ``state`` says whether it has one."""

    model_config = ConfigDict(ser_json_inf_nan="null", from_attributes=True)

    id: str
    state: State
    result: Any = Field(description="What the task returned, when it succeeded")
    error: JobError | None = Field(description="Why it failed or was cancelled")
    attempts: int = Field(description="Attempts that have ended")
    ended_at: datetime | None
    withheld: bool = Field(False, description="Its reader may not see what tasks give back")
