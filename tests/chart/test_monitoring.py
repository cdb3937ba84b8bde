"""The rules and dashboards that the chart brings are those that the generator wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from monitoring.__main__ import CHART, files
from support.chart import render
from support.prometheus import promtool

if TYPE_CHECKING:
    from pathlib import Path

RUNBOOKS = "https://wiki.example.com/jobyard"
VALUES = {
    "metrics": {
        "rules": {"enabled": True, "runbooks": RUNBOOKS},
        "dashboards": {"enabled": True},
    }
}


def test_the_rules_are_ours_with_your_runbooks(tmp_path: Path) -> None:
    spec = render(VALUES).one("PrometheusRule")["spec"]

    assert spec == yaml.safe_load(files(runbooks=RUNBOOKS)["rules/jobyard.yaml"])
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump(spec))
    said = promtool("check", "rules", rules)
    assert said.returncode == 0, said.stderr


def test_the_dashboards_are_ours() -> None:
    maps = [each for each in render(VALUES).objects if "-dashboard-" in each["metadata"]["name"]]
    brought = {name: text for each in maps for name, text in each["data"].items()}

    boards = CHART / "dashboards"
    assert {name: json.loads(text) for name, text in brought.items()} == {
        path.name: json.loads(path.read_text()) for path in boards.iterdir()
    }
