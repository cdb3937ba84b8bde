"""Keeps libraries from importing what they can do without, only because it is installed."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def absent(name: str) -> Iterator[None]:
    """Who imports the package ``name`` in this ``with`` is told that it is not installed.

    Nothing happens where somebody has imported it before.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # the import system's own way to say so
    try:
        yield
    finally:
        del sys.modules[name]
