"""A loop's thread: it survives every exception of a tick, and backs off."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.errors import StoreUnavailableError
from jobyard_scheduler.loops.runner import LONGEST_PAUSE_SECONDS, backoff_seconds
from jobyard_scheduler.scheduler import Scheduler
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stumbler:
    """A loop whose first ticks fail in every way."""

    name = "stumbler"

    def __init__(self, *errors: Exception) -> None:
        self._errors: Iterator[Exception] = iter(errors)

    def tick(self) -> float:
        for error in self._errors:
            raise error
        return 0.01


@pytest.mark.parametrize("error", [StoreUnavailableError("away"), ValueError("bug"), OSError()])
def test_a_loop_goes_on_after_any_exception(error: Exception) -> None:
    scheduler = Scheduler([Stumbler(error, error)])
    assert scheduler.last_ticks() == {"stumbler": None}

    scheduler.start()

    wait_for(lambda: scheduler.last_ticks()["stumbler"])
    scheduler.stop(5)
    assert "stumbler" not in {thread.name for thread in threading.enumerate()}


@given(failures=st.integers(1, 10_000), draw=st.floats(0, 1, exclude_max=True))
def test_the_back_off_is_bounded_and_never_nothing(failures: int, draw: float) -> None:
    assert 0.05 <= backoff_seconds(failures, lambda: draw) <= LONGEST_PAUSE_SECONDS


def test_the_back_off_doubles_and_is_spread_over_its_upper_half() -> None:
    most = [backoff_seconds(failures, lambda: 1.0) for failures in range(1, 7)]
    least = [backoff_seconds(failures, lambda: 0.0) for failures in range(1, 7)]

    assert most == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0]
    assert least == [pause_seconds / 2 for pause_seconds in most]
