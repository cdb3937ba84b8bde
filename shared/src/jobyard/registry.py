"""Finds tasks by name, and the modules that declare them. Used by workers and the API."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from jobyard.errors import ConfigurationError, UnknownTaskError
from jobyard.task import declared

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jobyard.task import Task

BUILT_IN = "jobyard.tasks"


@dataclass(frozen=True, slots=True)
class Registry:
    """Tasks by name: all that are declared, or the given ones."""

    by_name: Mapping[str, Task] = field(default_factory=declared)

    def get(self, name: str) -> Task:
        """The task of that name.

        Raises:
            UnknownTaskError: There is none; the error has the names that look like it.
        """
        task = self.by_name.get(name)
        if task is None:
            raise UnknownTaskError(name, tuple(get_close_matches(name, self.by_name)))
        return task

    def tasks(self) -> list[Task]:
        """All tasks, by name."""
        return [self.by_name[name] for name in sorted(self.by_name)]


def discover(modules: Iterable[str] = ()) -> Registry:
    """Imports the built-in tasks and ``modules`` (packages with all below them).

    The working directory is searched too, last, as commands do not search it by themselves.

    Raises:
        ConfigurationError: A module cannot be imported; the message names it and says why.
    """
    _walk(BUILT_IN)
    for module in modules:
        _search_working_directory()
        _walk(module)
    return Registry()


def _search_working_directory() -> None:
    here = os.getcwd()  # noqa: PTH109 - sys.path holds text
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)


def _walk(name: str) -> None:
    module = _import(name)
    for _, child, _ in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{name}."):
        if not child.endswith(".__main__"):
            _walk(child)


def _import(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ConfigurationError as error:
        raise ConfigurationError(f"Task module {name!r}: {error}") from error
    except Exception as error:  # users' code runs here, and may fail in any way
        raise ConfigurationError(
            f"Task module {name!r} cannot be imported ({type(error).__name__}: {error}). "
            "Check JOBYARD_TASK_MODULES and the module itself."
        ) from error
