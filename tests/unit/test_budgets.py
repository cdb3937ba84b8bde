"""``JOBYARD_QUEUE_BUDGET_BYTES``: one number, numbers by queue, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jobyard.errors import ConfigurationError
from jobyard.settings import Settings, help_of
from jobyard.store.apart import LARGE_BYTES
from jobyard_scheduler.budgets import Budgets, budgets_from
from jobyard_scheduler.settings import SchedulerSettings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "default", "reports"),
    [
        ("", 0, 0),
        ("500", 500, 500),
        ("reports:7", 0, 7),
        ("500, reports:7", 500, 7),
        ("reports:0,500", 500, 0),
    ],
)
def test_a_queue_has_its_own_budget_or_that_of_all_others(
    text: str, default: int, reports: int
) -> None:
    budgets = budgets_from(text)

    assert (budgets.of("default"), budgets.of("reports")) == (default, reports)
    assert (budgets.of("default.low"), budgets.of("reports.high")) == (default, reports)


@pytest.mark.parametrize("text", ["1GB", "-1", "1.5", "reports:", "a b:5", "5,6", ":5", "٣"])
def test_what_is_no_budget_is_refused_by_name(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBYARD_QUEUE_BUDGET_BYTES", text)

    with pytest.raises(ConfigurationError, match="JOBYARD_QUEUE_BUDGET_BYTES"):
        SchedulerSettings.load()


def test_the_environment_sets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBYARD_QUEUE_BUDGET_BYTES", "500,reports:7")

    assert SchedulerSettings.load().queue_budget_bytes == Budgets(500, {"reports": 7})
    assert "JOBYARD_QUEUE_BUDGET_BYTES" in help_of(SchedulerSettings)


def test_the_threshold_of_what_is_kept_apart_is_one_number() -> None:
    assert Settings.model_fields["large_bytes"].default == LARGE_BYTES
