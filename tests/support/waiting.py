"""Waiting for a condition with a deadline. Every test that waits uses it; none sleeps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def wait_for(
    condition: Callable[[], T | None],
    seconds: float = 30.0,
    message: str | Callable[[], str] = "the condition never held",
    interval_seconds: float = 0.01,
) -> T:
    """Polls ``condition`` until it is truthy and returns that value.

    Raises:
        AssertionError: It was still falsy after ``seconds``; says ``message`` and the last value.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            said = message if isinstance(message, str) else message()
            raise AssertionError(f"after {seconds} s: {said} (last value: {value!r})")
        time.sleep(interval_seconds)


def wait_while(
    condition: Callable[[], object], seconds: float, message: str = "the condition did not hold on"
) -> None:
    """A fault that lasts so long, during which ``condition`` holds whenever it is looked at.

    Raises:
        AssertionError: It was falsy once.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), message
        time.sleep(0.05)
