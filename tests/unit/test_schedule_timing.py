"""Ticks of intervals and cron expressions: the same for everybody, also around summer time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobyard_scheduler.timing import Cron, Every, parse_cron, parse_every, parse_zone

BERLIN = ZoneInfo("Europe/Berlin")
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
EXPRESSIONS = st.sampled_from(
    ["*/5 * * * *", "30 2 * * *", "0 * * * *", "15 3 * * 1-5", "0 0 1 * *", "*/10 * * * * *"]
)


def ticks(cron: Cron, start: datetime, count: int) -> list[datetime]:
    found = [start]
    for _ in range(count):
        found.append(cron.next_after(found[-1]))
    return found[1:]


def test_an_interval_counts_from_the_epoch() -> None:
    moment = datetime(2026, 1, 1, 12, 0, 7, 500_000, tzinfo=UTC)

    assert Every(30).latest_until(moment) == datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    assert Every(30).next_after(moment) == datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)


def test_the_tick_after_a_tick_is_one_interval_later() -> None:
    tick = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)

    assert Every(30).next_after(tick) == tick + timedelta(seconds=30)
    assert Every(30).latest_until(tick) == tick


@given(moment=MOMENTS, seconds=st.integers(1, 100_000))
def test_a_moment_lies_between_the_latest_and_the_next_tick_of_an_interval(
    moment: datetime, seconds: int
) -> None:
    every = Every(seconds)

    assert every.latest_until(moment) <= moment < every.next_after(moment)
    assert every.next_after(every.latest_until(moment)) == every.next_after(moment)


@settings(deadline=None)  # around summer time it walks three hours of ticks
@given(moment=MOMENTS, expression=EXPRESSIONS, zone=st.sampled_from(["UTC", "Europe/Berlin"]))
def test_a_moment_lies_between_the_latest_and_the_next_tick_of_a_cron(
    moment: datetime, expression: str, zone: str
) -> None:
    cron = Cron(expression, ZoneInfo(zone))

    assert cron.latest_until(moment) <= moment < cron.next_after(moment)
    assert cron.next_after(cron.latest_until(moment)) == cron.next_after(moment)


def test_a_cron_follows_the_wall_clock_of_its_zone() -> None:
    cron = Cron("0 9 * * *", BERLIN)

    winter, summer = (
        cron.next_after(datetime(2026, month, 10, tzinfo=UTC)).hour for month in (1, 7)
    )

    assert (winter, summer) == (8, 7)


def test_a_tick_in_the_skipped_hour_runs_once_right_after_it() -> None:
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)

    first, second = ticks(Cron("30 2 * * *", BERLIN), before, 2)

    assert first == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert second == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


def test_a_tick_in_the_repeated_hour_runs_once() -> None:
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)

    first, second = ticks(Cron("30 2 * * *", BERLIN), before, 2)

    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert second == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_a_start_within_the_repeated_hour_does_not_repeat_its_tick() -> None:
    second_pass = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)

    assert Cron("30 2 * * *", BERLIN).next_after(second_pass) == datetime(
        2026, 10, 26, 1, 30, tzinfo=UTC
    )


@pytest.mark.parametrize(
    "day", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)]
)
def test_a_cron_of_every_minutes_keeps_its_pace_through_summer_time(day: datetime) -> None:
    found = ticks(Cron("*/15 * * * *", BERLIN), day, 16)

    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(minutes=15)}


@pytest.mark.parametrize(
    "day", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)]
)
@pytest.mark.parametrize("expression", ["30 2 * * *", "0 2 * * *", "0 3 * * *", "*/20 2 * * *"])
def test_every_moment_around_summer_time_agrees_on_its_ticks(
    day: datetime, expression: str
) -> None:
    cron = Cron(expression, BERLIN)
    known = ticks(cron, day - timedelta(days=3), 30)

    for minutes in range(-600, 900, 7):
        moment = day + timedelta(minutes=minutes)
        assert cron.latest_until(moment) == max(tick for tick in known if tick <= moment)
        assert cron.next_after(moment) == min(tick for tick in known if tick > moment)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("2h", 7200), ("1d", 86_400), (45, 45), ("7", 7)],
)
def test_intervals_are_read(text: str | float, seconds: int) -> None:
    assert parse_every(text) == Every(seconds)


@pytest.mark.parametrize(
    "text", ["", "soon", "0s", 0, -1, 1.5, "1.5s", "5w", float("inf"), float("nan")]
)
def test_what_is_no_interval_is_refused(text: str | float) -> None:
    with pytest.raises(ValueError, match="no interval"):
        parse_every(text)


@pytest.mark.parametrize(
    "name", ["Europe/Nowhere", "", "../../etc/passwd", "/etc/passwd", "Europe"]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no IANA time zone"):
        parse_zone(name)


@pytest.mark.parametrize(
    "expression", ["", "* * * *", "61 * * * *", "0 0 30 2 *", "often", "@daily"]
)
def test_what_is_no_cron_expression_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"no cron expression|never comes due"):
        parse_cron(expression, BERLIN, datetime(2026, 1, 1, tzinfo=UTC))
