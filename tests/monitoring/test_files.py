"""What the chart ships is what the generator writes, as Grafana and Prometheus read it."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard as GrafanaDashboard

from monitoring.__main__ import CHART, files
from monitoring.dashboards import DASHBOARDS
from monitoring.panel import Kind
from monitoring.rule import Alert
from monitoring.rules import GROUPS
from support.prometheus import promtool

if TYPE_CHECKING:
    from pathlib import Path

    from monitoring.dashboard import Dashboard

RUNBOOKS = CHART.parents[1] / "docs" / "runbooks"
OF_THE_DATA_SOURCE = {"titleFormat", "textFormat"}
"""What Prometheus's plug-in reads of an annotation; the schema has only what all have."""
ALERTS = [rule for group in GROUPS for rule in group.rules if isinstance(rule, Alert)]
SOURCES = "".join(
    path.read_text()
    for folder in ("shared/src", "services")
    for path in (CHART.parents[1] / folder).rglob("*.py")
)
PARTS = ("## What it means", "## Look at", "## Do")
a_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda board: board.name)


def test_the_chart_has_what_the_generator_writes() -> None:
    written = {name: (CHART / name).read_text() for name in files()}

    assert written == files(), "run: make monitoring"


def test_the_chart_has_no_dashboard_and_no_rules_but_these() -> None:
    there = {path for kind in ("dashboards", "rules") for path in (CHART / kind).iterdir()}

    assert there == {CHART / name for name in files()}


@a_dashboard
def test_grafana_knows_every_field(dashboard: Dashboard) -> None:
    written = json.loads(files()[f"dashboards/{dashboard.name}.json"])

    plugins.register_default_plugins()
    read = json.loads(json.dumps(GrafanaDashboard.from_json(written), cls=JSONEncoder))

    assert list(differences(written, read)) == []


def differences(written: Any, read: Any, path: str = "") -> list[str]:
    """Where the second is not, or lacks, what the first has."""
    if isinstance(written, dict) and isinstance(read, dict):
        names = written.keys() - OF_THE_DATA_SOURCE
        found = [differences(written[name], read.get(name), f"{path}.{name}") for name in names]
        return [line for lines in found for line in lines]
    if isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        pairs = enumerate(zip(written, read, strict=True))
        return [line for n, pair in pairs for line in differences(*pair, f"{path}[{n}]")]
    return [] if written == read else [f"{path}: {written!r} is read as {read!r}"]


@a_dashboard
def test_every_panel_says_what_it_shows(dashboard: Dashboard) -> None:
    titles = [panel.title for panel in dashboard.panels]

    assert len(set(titles)) == len(titles)
    assert [panel.title for panel in dashboard.panels if not panel.description.endswith(".")] == []
    assert [panel.title for panel in dashboard.panels if not panel.queries] == []


@a_dashboard
def test_no_panel_lies_over_another(dashboard: Dashboard) -> None:
    written = json.loads(files()[f"dashboards/{dashboard.name}.json"])
    places = [panel["gridPos"] for panel in written["panels"]]

    cells = [
        (column, line)
        for place in places
        for column in range(place["x"], place["x"] + place["w"])
        for line in range(place["y"], place["y"] + place["h"])
    ]

    assert len(set(cells)) == len(cells)
    assert max(column for column, _ in cells) < 24


@a_dashboard
def test_what_has_thresholds_shows_them(dashboard: Dashboard) -> None:
    """A value that turns red has to say from where on."""
    coloured = [panel for panel in dashboard.panels if panel.kind in {Kind.STAT, Kind.BARS}]

    for panel in coloured:
        assert sorted(panel.steps) == list(panel.steps), panel.title


def test_prometheus_takes_the_rules() -> None:
    said = promtool("check", "rules", "--lint=all", "--lint-fatal", CHART / "rules/jobyard.yaml")

    assert said.returncode == 0, said.stdout + said.stderr
    assert f"{len([rule for group in GROUPS for rule in group.rules])} rules found" in said.stdout


def test_shorter_times_are_rules_as_well(tmp_path: Path) -> None:
    short = tmp_path / "rules.yaml"
    short.write_text(files(factor=1 / 60)["rules/jobyard.yaml"])

    said = promtool("check", "rules", short)

    assert said.returncode == 0, said.stdout + said.stderr
    assert "[5000ms]" in short.read_text()
    assert "for: 2000ms" in short.read_text()


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"} == {
        alert.name for alert in ALERTS
    }


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_a_runbook_says_what_to_look_at_and_what_to_do(alert: Alert) -> None:
    page = (RUNBOOKS / f"{alert.name}.md").read_text()

    assert page.startswith(f"# {alert.name}\n")
    assert [part for part in PARTS if f"\n{part}\n" not in page] == []


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_a_runbook_names_events_and_routes_that_there_are(page: Path) -> None:
    text = page.read_text()
    events = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", text)) - {"context.job_id"}
    routes = set(re.findall(r"`(?:GET|POST) (/v1/[^`?]*)", text))

    assert {event for event in events if f'"{event}"' not in SOURCES} == set()
    paths = json.loads((CHART.parents[1] / "docs/openapi.json").read_text())["paths"]
    assert {plain(route) for route in routes} <= {plain(path) for path in paths}


def plain(route: str) -> str:
    """Whatever its parameters are called."""
    return re.sub(r"\{\w+\}", "{}", route)


def test_the_documents_list_every_alert_and_no_other() -> None:
    page = (RUNBOOKS.parent / "observability.md").read_text()

    assert set(re.findall(r"^\| \[(Jobyard\w+)\]", page, re.MULTILINE)) == {
        alert.name for alert in ALERTS
    }


def test_the_generator_is_a_command(tmp_path: Path) -> None:
    done = subprocess.run(
        ["python", "-m", "monitoring", "--into", tmp_path, "--runbooks", "https://x.example/run"],
        cwd=CHART.parent,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    rules = (tmp_path / "rules/jobyard.yaml").read_text()
    assert "runbook_url: https://x.example/run/JobyardQueueLate.md" in rules
