"""Each alert fires when it should, says what it should, and is quiet otherwise (promtool)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from monitoring.__main__ import CHART
from monitoring.durations import rendered, scaled
from monitoring.rule import Alert
from monitoring.rules import GROUPS
from support.alert_cases import CASES, promtool_file
from support.prometheus import promtool

if TYPE_CHECKING:
    from pathlib import Path

ALERTS = {rule.name for group in GROUPS for rule in group.rules if isinstance(rule, Alert)}


@pytest.mark.parametrize("step", sorted({case.step for case in CASES}))
def test_every_alert_fires_and_is_quiet(tmp_path: Path, step: str) -> None:
    written = tmp_path / "cases.json"
    written.write_text(json.dumps(promtool_file(str(CHART / "rules/jobyard.yaml"), step)))

    said = promtool("test", "rules", written)

    assert said.returncode == 0, said.stdout + said.stderr


def test_no_alert_is_without_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    assert {case.alert for case in CASES if case.fires} == ALERTS
    assert {case.alert for case in CASES if case.quiet} == ALERTS


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("rate(x[5m]) > 0", "rate(x[300ms]) > 0"),
        ("x offset 1h", "x offset 3600ms"),
        ("time() - x > 60s", "time() - x > 0.06"),
        ("jobyard:x:rate5m > 0.2", "jobyard:x:rate5m > 0.2"),
    ],
)
def test_all_durations_of_an_expression_become_shorter(written: str, read: str) -> None:
    assert rendered(written, 0.001) == read


def test_what_is_shipped_keeps_its_durations() -> None:
    assert rendered("rate(x[5m]) > 60s", 1) == "rate(x[5m]) > 60"
    assert scaled("15m", 1) == "15m"
