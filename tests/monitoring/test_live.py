"""Every expression that we ship, asked of a real Prometheus that scrapes a yard under load."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitoring.dashboards import DASHBOARDS
from monitoring.load import GOOD_JOBS, SteadyLoad
from monitoring.rule import Alert, Record
from monitoring.rules import GROUPS
from support.observed import ObservedYard
from support.promql import labels_of, selectors_of
from support.servers import Engine, StoreServer
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.dashboard import Dashboard
    from support.processes import Services
    from support.prometheus import Prometheus

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
DATA_SECONDS = 60.0
CHOSEN = re.compile(r'"\$\w+"')
RULES = [rule for group in GROUPS for rule in group.rules]
ALERTS = [rule for rule in RULES if isinstance(rule, Alert)]
RECORDS = [rule for rule in RULES if isinstance(rule, Record)]
EXPRESSIONS = sorted(
    {query.expression for board in DASHBOARDS for panel in board.panels for query in panel.queries}
    | {rule.expression for rule in RULES}
)
OURS = re.compile(r"\b(?:jobyard_[a-z]+|process)_[a-z_]+(?![a-z_*<(:])|\bjobyard:[a-z_]+:\w+")
"""Metrics, and no packages of ours: they have more words."""


@pytest.fixture(scope="module")
def yard(module_services: Services) -> Iterator[ObservedYard]:
    """One for all tests here, with jobs that succeed until the last of them is over."""
    with (
        StoreServer(Engine.VALKEY) as server,
        ObservedYard(module_services, server) as yard,
        SteadyLoad(yard.url, 10, GOOD_JOBS),
    ):
        yield yard


@pytest.fixture(scope="module")
def prometheus(yard: ObservedYard) -> Iterator[Prometheus]:
    """That of the yard, once jobs fail as well."""
    with SteadyLoad(yard.url, 15):
        yield yard.prometheus


def chosen(expression: str) -> str:
    """An expression as Grafana sends it with "All" chosen everywhere."""
    return CHOSEN.sub('".*"', expression).replace("$__rate_interval", "20s")


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda board: board.name)
def test_no_panel_is_empty_where_all_is_well(yard: ObservedYard, dashboard: Dashboard) -> None:
    expect_data(yard.prometheus, dashboard)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda board: board.name)
def test_no_panel_is_empty_where_jobs_fail(prometheus: Prometheus, dashboard: Dashboard) -> None:
    expect_data(prometheus, dashboard)


def expect_data(prometheus: Prometheus, dashboard: Dashboard) -> None:
    """Each of its queries has a series, sooner or later."""
    waiting = {
        f"{panel.title}: {query.expression}": chosen(query.expression)
        for panel in dashboard.panels
        for query in panel.queries
    }

    def still_empty() -> list[str]:
        for name, expression in list(waiting.items()):
            if prometheus.query(expression):
                del waiting[name]
        return list(waiting)

    wait_for(lambda: not still_empty(), DATA_SECONDS, lambda: "\n".join(waiting), 0.5)


@pytest.mark.parametrize("record", RECORDS, ids=lambda rule: rule.name)
def test_every_recording_has_data(prometheus: Prometheus, record: Record) -> None:
    wait_for(lambda: prometheus.query(record.name), DATA_SECONDS, interval_seconds=0.5)


def test_no_rule_has_an_error(prometheus: Prometheus) -> None:
    wait_for(lambda: all(rule["health"] == "ok" for rule in prometheus.rules()), DATA_SECONDS)

    rules = prometheus.rules()

    assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []
    assert sorted(rule["name"] for rule in rules) == sorted(rule.name for rule in RULES)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: f"{rule.name}{rule.window}")
def test_an_alert_looks_at_what_there_is(prometheus: Prometheus, alert: Alert) -> None:
    """It does not fire here, so its expression is empty; what it is made of must not be."""
    waiting = [selector.text for selector in selectors_of(alert.expression)]

    def still_empty() -> list[str]:
        waiting[:] = [text for text in waiting if not prometheus.query(text)]
        return waiting

    wait_for(lambda: not still_empty(), DATA_SECONDS, lambda: "\n".join(waiting), 0.5)


def test_every_name_and_label_of_an_expression_is_shown(prometheus: Prometheus) -> None:
    names = {selector.name for each in EXPRESSIONS for selector in selectors_of(each)} - {"ALERTS"}
    wait_for(
        lambda: prometheus.names() >= names,
        DATA_SECONDS,
        lambda: f"not there: {names - prometheus.names()}",
        0.5,
    )
    labels = {name: prometheus.labels(name) for name in names}

    for expression in EXPRESSIONS:
        selectors = [each for each in selectors_of(expression) if each.name in names]
        there = {label for selector in selectors for label in labels[selector.name]}
        assert labels_of(expression) <= there, expression
        assert [each.text for each in selectors if not set(each.labels) <= labels[each.name]] == []


def test_every_variable_of_a_dashboard_has_values(prometheus: Prometheus) -> None:
    for board in DASHBOARDS:
        for variable in board.variables:
            series = prometheus.query(chosen(variable.series))
            assert {each["metric"].get(variable.label, "") for each in series} - {""}, variable


def test_the_documents_name_only_what_is_shown(prometheus: Prometheus) -> None:
    families = prometheus.families()
    known = families | {f"{family}_total" for family in families} | prometheus.names()
    pages = {*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("helm/*.md")}
    pages -= {ROOT / "docs" / "maintaining.md"}  # changes that are examples

    named = {name: page for page in pages for name in OURS.findall(page.read_text())}

    assert {str(named[name]): name for name in named.keys() - known} == {}
