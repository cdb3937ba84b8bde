"""The schedule that is there without a file."""

from __future__ import annotations

from typing import Any

import pytest

from jobyard_scheduler.main import schedules_of
from jobyard_scheduler.settings import SchedulerSettings
from jobyard_scheduler.timing import Every


def settings(**overrides: Any) -> SchedulerSettings:
    return SchedulerSettings.load(_env_file=None, **overrides)


def test_a_notification_every_thirty_seconds_is_built_in() -> None:
    (schedule,) = schedules_of(settings())

    assert (schedule.task, schedule.queue) == ("notification", "notifications")
    assert schedule.timing == Every(30)


@pytest.mark.parametrize("value", ["false", "0", "off", "no"])
def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("JOBYARD_NOTIFICATIONS", value)

    assert schedules_of(settings()) == []
