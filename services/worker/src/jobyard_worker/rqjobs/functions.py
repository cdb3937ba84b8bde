"""Which functions a job of plain RQ code may name. Pure.

Whoever can write to the store chooses the name, so what runs is what the operator listed.
"""

from __future__ import annotations

import fnmatch
import sys
from typing import TYPE_CHECKING, Any

from jobyard.errors import FunctionNotAllowedError
from jobyard.store.data import PERFORM

if TYPE_CHECKING:
    from collections.abc import Iterable

EVERYTHING = ("*",)
"""Every function of an importable module, except those of the standard library."""

_STANDARD = sys.stdlib_module_names | {"builtins"}


class Functions:
    """The allow-list: dotted names, or patterns as in ``billing.jobs.*``."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = tuple(patterns)

    def check_name(self, name: str) -> None:
        """Before anything is imported.

        Raises:
            FunctionNotAllowedError: The list does not have it; the message names the setting.
        """
        if name == PERFORM or name in self._patterns:
            return
        if self._is_standard(name):
            raise FunctionNotAllowedError(name, "it is of Python's standard library")
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in self._patterns):
            raise FunctionNotAllowedError(name, "no pattern matches it")

    def check_found(self, name: str, found: Any) -> None:
        """What the name led to: ``billing.jobs.os.system`` matches ``billing.jobs.*`` as well.

        Raises:
            FunctionNotAllowedError: It is of the standard library and not listed by its full name.
        """
        module = getattr(found, "__module__", None) or "builtins"
        if name not in self._patterns and self._is_standard(f"{module}."):
            raise FunctionNotAllowedError(name, f"it is {module}'s")

    @staticmethod
    def _is_standard(name: str) -> bool:
        top, dot, _ = name.partition(".")
        return not dot or top in _STANDARD
