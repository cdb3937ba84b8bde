"""The settings file of schedules (TOML), checked before the scheduler starts."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from jobyard.errors import ConfigurationError
from jobyard.queues import check_name
from jobyard_scheduler.schedule import Missed, Schedule
from jobyard_scheduler.timing import Timing, parse_cron, parse_every, parse_zone

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_TABLE = "schedule"


def load_schedules(path: Path, now: datetime) -> list[Schedule]:
    """The schedules of a file, in its order.

    Raises:
        ConfigurationError: It cannot be read, or an entry is wrong; one line that names the entry
            and the field.
    """
    schedules = [_schedule(path, number, entry, now) for number, entry in _entries(path)]
    return check_unique(schedules)


def check_unique(schedules: list[Schedule]) -> list[Schedule]:
    """Returns ``schedules``, each with a name of its own.

    Raises:
        ConfigurationError: Two have the same.
    """
    seen: set[str] = set()
    for schedule in schedules:
        if schedule.name in seen:
            raise ConfigurationError(
                f"Two schedules are named {schedule.name!r}; give each entry's field 'name' a "
                "value of its own ('notification' is built in unless JOBYARD_NOTIFICATIONS=false)"
            )
        seen.add(schedule.name)
    return schedules


def _check_schedule_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("use 1 to 64 letters, digits, '_' or '-'; it becomes a part of job ids")
    return name


def _check_payload(payload: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(payload, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"JSON cannot carry it ({error}); write dates as strings") from None
    return payload


class _Entry(BaseModel):
    """One ``[[schedule]]`` as it is written."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[StrictStr, AfterValidator(_check_schedule_name)]
    task: Annotated[StrictStr, AfterValidator(lambda name: check_name(name, "task"))]
    payload: Annotated[dict[str, Any], AfterValidator(_check_payload)] = Field(default_factory=dict)
    queue: Annotated[StrictStr, AfterValidator(lambda name: check_name(name, "queue"))] | None = (
        None
    )
    every: StrictStr | StrictInt | StrictFloat | None = None
    cron: StrictStr | None = None
    timezone: StrictStr | None = None
    missed: Missed = Missed.SKIP

    @model_validator(mode="after")
    def _one_timing(self) -> Self:
        if (self.every is None) == (self.cron is None):
            raise ValueError("fields 'every' and 'cron': give one of them")
        if self.timezone is not None and self.cron is None:
            raise ValueError("field 'timezone': only a 'cron' has one; 'every' counts from 1970")
        return self


def _entries(path: Path) -> list[tuple[int, Any]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"JOBYARD_SCHEDULES_FILE: cannot read {path} ({error})") from None
    unknown = sorted(set(content) - {_TABLE})
    entries = content.get(_TABLE, [])
    if unknown or not isinstance(entries, list):
        wrong = unknown[0] if unknown else _TABLE
        raise ConfigurationError(f"{path}: {wrong!r} is unknown; write [[{_TABLE}]] entries")
    return list(enumerate(entries, 1))


def _schedule(path: Path, number: int, raw: Any, now: datetime) -> Schedule:
    where = _place(path, number, raw)
    try:
        entry = _Entry.model_validate(raw)
    except ValidationError as error:
        raise ConfigurationError(f"{where}, {_explain(error)}") from None
    return Schedule(
        name=entry.name,
        task=entry.task,
        timing=_timing(where, entry, now),
        payload=entry.payload,
        queue=entry.queue,
        missed=entry.missed,
    )


def _timing(where: str, entry: _Entry, now: datetime) -> Timing:
    field = "every"
    try:
        if entry.cron is None:
            return parse_every(entry.every or 0)
        field = "timezone"
        zone = parse_zone(entry.timezone or "UTC")
        field = "cron"
        return parse_cron(entry.cron, zone, now)
    except ValueError as error:
        raise ConfigurationError(f"{where}, field '{field}': {error}") from None


def _place(path: Path, number: int, raw: Any) -> str:
    name = raw.get("name") if isinstance(raw, dict) else None
    return f"{path}: schedule {number}" + (f" ({name!r})" if name else "")


def _explain(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    message = problem["msg"].removeprefix("Value error, ")
    return f"field '{problem['loc'][0]}': {message}" if problem["loc"] else message
