"""What a run does: a TOML file, changed by options, validated once."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
)

from loadlab.arrivals import Spacing, Timetable
from loadlab.blows import Blow
from loadlab.shapes import Shape, Steady, read_points

SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"
MOST_USERS = 200
"""Enough to look random together, and few enough to start at once."""
ARRIVALS_A_USER = 10
"""At least, where there are that many: the last one of each may be missing."""

Action = Literal["submit", "follow", "batch", "read", "classic", "browse"]


class ScenarioError(Exception):
    """A scenario cannot be used; the message says where and why."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Chosen(_Section):
    """A task that jobs are made of, drawn by its weight."""

    name: str
    weight: PositiveFloat = 1.0
    payload: dict[str, Any] = {}
    padded: bool = False
    """Whether the payload gets a ``padding`` up to ``payload_bytes``."""


class Jobs(_Section):
    """What the submitted jobs are like."""

    queue: str | None = None
    payload_bytes: NonNegativeInt = 0
    batch_size: int = Field(50, ge=1, le=1_000)
    result_ttl_seconds: PositiveInt | None = None


class Thresholds(_Section):
    """What breaks a run; None is not looked at. A lost job always does."""

    submit_p99_ms: PositiveFloat | None = None
    end_to_end_p99_ms: PositiveFloat | None = None
    """Of jobs that ran once: those of a killed worker wait for their rescue."""
    error_share: NonNegativeFloat | None = None
    achieved_share: NonNegativeFloat = 0.95
    doubled: NonNegativeInt | None = None
    memory_growth_share: NonNegativeFloat | None = None
    """Of each process and of the store's data, from the second quarter of a run to its last."""


class Scenario(_Section):
    """One run."""

    name: str = "unnamed"
    seconds: PositiveFloat = 120.0
    spacing: Spacing = Spacing.JITTERED
    seed: int = 1
    timeout_seconds: PositiveFloat = 30.0
    follow_by: Literal["poll", "stream"] = "poll"
    drain_seconds: NonNegativeFloat = 60.0
    """How long the jobs may take to end after the last request."""
    workers: NonNegativeInt = 2
    """Worker processes of a yard that is started for the run."""
    up: tuple[str, ...] = ()
    """Further options of its `jobyard up`, as ``--autoscale``."""
    environment: dict[str, str] = {}
    """Settings of its processes."""
    chaos: tuple[str, ...] = ()
    """``worker@30`` kills a worker 30 s after the start, ``api@5+5`` freezes the API for 5 s."""
    shape: Shape = Steady(rate=100.0)
    mix: dict[Action, PositiveFloat] = {"submit": 1.0}
    tasks: tuple[Chosen, ...] = Field((Chosen(name="load.sleep", padded=True),), min_length=1)
    jobs: Jobs = Jobs()
    thresholds: Thresholds = Thresholds()

    @field_validator("chaos")
    @classmethod
    def _can_be_read(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            Blow.parse(text)
        return texts

    @property
    def users(self) -> int:
        """How many of Locust's users share the arrivals."""
        arrivals = Timetable(self.shape, self.seconds).total
        return max(1, min(MOST_USERS, round(arrivals / ARRIVALS_A_USER)))


def load(name: str, changes: list[str]) -> Scenario:
    """A scenario by its name in ``scenarios/`` or its path, with ``section.key=value`` changes.

    Raises:
        ScenarioError: It cannot be read, or a value is wrong.
    """
    path = Path(name) if "." in name else SCENARIOS / f"{name}.toml"
    try:
        values = _read(path)
        for change in changes:
            _change(values, change)
        _fill_trace(values, path.parent)
        return Scenario.model_validate({"name": path.stem, **values})
    except FileNotFoundError as error:
        raise ScenarioError(f"{error.filename}: there is no such file") from None
    except (tomllib.TOMLDecodeError, ValidationError, ValueError, KeyError) as error:
        raise ScenarioError(f"{path}: {error}") from None


def _read(path: Path) -> dict[str, Any]:
    text = path.read_text()
    values: dict[str, Any] = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    return values


def _change(values: dict[str, Any], change: str) -> None:
    """``shape.rate=500``: the value is TOML, or else a text."""
    place, is_there, text = change.partition("=")
    if not is_there:
        raise ValueError(f"{change!r} is not section.key=value")
    *sections, key = place.strip().split(".")
    for section in sections:
        values = values.setdefault(section, {})
    try:
        values[key] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        values[key] = text


def _fill_trace(values: dict[str, Any], directory: Path) -> None:
    """A trace's ``file`` (relative to the scenario) and ``factor`` become its points."""
    shape = values.get("shape", {})
    if "file" in shape:
        path = directory / shape.pop("file")
        shape["points"] = read_points(path, shape.pop("factor", 1.0))
