"""The level that a process follows, on a clock that the test moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jobyard.observability.followed_level import FollowedLevel
from jobyard.observability.log_level import AskedLevel, current_level, set_level

if TYPE_CHECKING:
    from collections.abc import Iterator

DEBUG = AskedLevel("debug", 10)


class Clock:
    """Stands still until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def followed(clock: Clock) -> Iterator[FollowedLevel]:
    before = current_level()
    set_level("warning")
    yield FollowedLevel("warning", clock)
    set_level(before)


def test_what_is_asked_for_holds_until_nobody_asks(followed: FollowedLevel) -> None:
    followed.heed(DEBUG)
    asked = current_level()
    followed.heed(None)

    assert (asked, current_level()) == ("debug", "warning")


def test_a_store_that_does_not_say_leaves_it_for_the_time_that_was_asked(
    followed: FollowedLevel, clock: Clock
) -> None:
    followed.heed(DEBUG)

    clock.now += 9
    followed.stay()
    within = current_level()
    clock.now += 1
    followed.stay()

    assert (within, current_level()) == ("debug", "warning")


def test_to_ask_again_lengthens_the_time(followed: FollowedLevel, clock: Clock) -> None:
    followed.heed(DEBUG)
    clock.now += 9
    followed.heed(DEBUG)

    clock.now += 9
    followed.stay()

    assert current_level() == "debug"


def test_what_the_process_was_configured_for_stays_where_nobody_asks(
    followed: FollowedLevel,
) -> None:
    followed.heed(None)
    followed.stay()

    assert current_level() == "warning"
