"""Scenarios of load tests: read, changed by options, refused with a reason; and their verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from loadlab import scenario as scenarios
from loadlab.blows import Blow
from loadlab.scenario import SCENARIOS, Scenario, ScenarioError, Thresholds
from loadlab.verdict import broken

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_scenario_that_we_ship_can_be_used(path: Path) -> None:
    assert scenarios.load(path.stem, []).name == path.stem


def test_an_option_changes_a_value_in_its_section() -> None:
    changes = ["shape.rate=7.5", "seconds=3", "jobs.queue=low", 'chaos=["worker@1"]']

    found = scenarios.load("default", changes)

    assert found.shape.rate_at(0) == 7.5
    assert (found.seconds, found.jobs.queue, found.chaos) == (3, "low", ("worker@1",))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("shape.rate=0", "greater than 0"),
        ("shape.kind=wave", "wave"),
        ("shape", "not section.key=value"),
        ("mix.dance=1", "dance"),
        ('chaos=["fleet@3"]', "name one of"),
        ("thresholds.submit_p50_ms=3", "submit_p50_ms"),
        ("shape.file=none.csv", "none.csv"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(change: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        scenarios.load("default", [change])


def test_a_trace_is_found_beside_its_scenario(tmp_path: Path) -> None:
    (tmp_path / "day.csv").write_text("second,rate\n0,3\n")
    path = tmp_path / "day.toml"
    path.write_text('[shape]\nkind = "trace"\nfile = "day.csv"\nfactor = 2\n')

    assert scenarios.load(str(path), []).shape.rate_at(5) == 6


def test_a_scenario_reads_back_from_its_json(tmp_path: Path) -> None:
    found = scenarios.load("default", [])
    path = tmp_path / "scenario.json"
    path.write_text(found.model_dump_json())

    assert scenarios.load(str(path), []) == found


@pytest.mark.parametrize(("rate", "users"), [(0.01, 1), (1, 12), (100, 200), (1500, 200)])
def test_a_few_arrivals_are_shared_by_a_few_users(rate: float, users: int) -> None:
    found = scenarios.load("default", [f"shape.rate={rate}"])

    assert found.users == users


def test_blows_are_read() -> None:
    assert Blow.parse("worker@30") == Blow(30, "worker")
    assert Blow.parse("api@5+2.5") == Blow(5, "api", 2.5)


def findings(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "account": {"lost": 0, "waiting": 0, "unanswered": 0, "doubled": 0, "once": {"p99": 80.0}},
        "load": {"achieved_share": 1.0, "requests": 100, "failed": 0},
        "series": {"POST /v1/jobs": {"latency": {"p99": 20.0}}},
        "memory": [],
    }
    for section, values in changes.items():
        is_section = isinstance(found[section], dict)
        found[section] = {**found[section], **values} if is_section else values
    return found


THRESHOLDS = Thresholds(
    submit_p99_ms=50,
    end_to_end_p99_ms=100,
    error_share=0.01,
    doubled=0,
    memory_growth_share=0.05,
)


def test_a_run_within_its_thresholds_holds() -> None:
    assert broken(findings(), THRESHOLDS) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"account": {"lost": 1}}, "lost jobs: 1"),
        ({"account": {"waiting": 2}}, "had not ended: 2"),
        ({"account": {"doubled": 1}}, "ended twice: 1"),
        ({"account": {"once": {"p99": 101.0}}}, "end to end"),
        ({"load": {"achieved_share": 0.94}}, "94.0%, 95.0% to 105.0%"),
        ({"load": {"achieved_share": 1.06}}, "106.0%, 95.0% to 105.0%"),
        ({"load": {"failed": 2}}, "share of errors"),
        ({"memory": [{"name": "api (pid 1)", "share": 0.06}]}, "memory of api (pid 1): 0.06"),
        ({"series": {"POST /v1/jobs": {"latency": {"p99": 51.0}}}}, "submission"),
    ],
)
def test_each_broken_threshold_is_said(changes: dict[str, Any], said: str) -> None:
    [line] = broken(findings(**changes), THRESHOLDS)

    assert said in line


def test_a_lost_job_breaks_a_run_without_thresholds() -> None:
    assert broken(findings(account={"lost": 1}), Scenario().thresholds)
