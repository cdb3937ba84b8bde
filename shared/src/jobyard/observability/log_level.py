"""How much a process logs. It may change while it runs, also for loggers that were made before."""

from __future__ import annotations

import logging
from types import MappingProxyType

import structlog

LEVELS = MappingProxyType({"debug": 10, "info": 20, "warning": 30, "error": 40})
"""The words that settings, the API and the command line take."""


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
