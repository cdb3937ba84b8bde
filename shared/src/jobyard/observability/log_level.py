"""How much a process logs. It may change while it runs, also for loggers that were made before."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import structlog

LEVELS = MappingProxyType({"debug": 10, "info": 20, "warning": 30, "error": 40})
"""The words that settings, the API and the command line take."""


class Service(StrEnum):
    """The services whose level can be changed while they run."""

    API = "api"
    WORKER = "worker"
    SCHEDULER = "scheduler"


@dataclass(frozen=True, slots=True)
class AskedLevel:
    """A level that somebody asked a service for, and for how many more seconds."""

    level: str
    seconds: float


class LeveledLogger(structlog.BoundLoggerBase):
    """A logger whose methods are those of the level that holds now.

    What is below it costs a call of a function that does nothing, as structlog's own loggers do it;
    those are bound to one level for good.
    """

    word = "info"
    """The level, of ``LEVELS``."""


def set_level(level: str) -> None:
    """Logs from ``level`` (of ``LEVELS``) on from now on, in all threads, libraries as well."""
    methods = vars(structlog.make_filtering_bound_logger(LEVELS[level]))
    for name, method in methods.items():
        if not name.startswith("__"):
            setattr(LeveledLogger, name, method)
    LeveledLogger.word = level
    logging.getLogger().setLevel(LEVELS[level])


def current_level() -> str:
    """The level that holds now."""
    return LeveledLogger.word
