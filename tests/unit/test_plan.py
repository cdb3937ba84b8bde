"""`jobyard plan`: what it recommends, and what it says of numbers that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jobyard.errors import ConfigurationError
from jobyard.scaling import pools_from
from jobyard_cli.main import app
from jobyard_cli.model.quantities import rate_of, seconds_of


def plan(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["plan", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def settings_of(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(plan(*arguments, "--json"))
    return found


def test_it_recommends_settings_that_meet_the_target() -> None:
    found = settings_of("--arrival", "2/s", "--job", "2s", "--target-wait", "30s")

    assert found["concurrency"] == 8
    assert found["expected"]["meetsTarget"]
    assert found["expected"]["waitSeconds"]["p95"] <= 30
    assert found["expected"]["podsKilledWithWork"] == 0
    scaling = found["autoscaling"]
    assert scaling["minReplicas"] <= found["expected"]["mostPods"] <= scaling["maxReplicas"]


def test_a_target_that_a_sleeping_pool_cannot_meet_keeps_workers_awake() -> None:
    slow = settings_of("--arrival", "30/min", "--job", "1s", "--target-wait", "60s")
    quick = settings_of("--arrival", "30/min", "--job", "1s", "--target-wait", "1s")

    assert slow["autoscaling"]["minReplicas"] <= quick["autoscaling"]["minReplicas"] > 0


def test_a_target_that_nothing_meets_is_said_to_be_none() -> None:
    said = plan(
        "--arrival", "2/s", "--job", "20s", "--target-wait", "10ms",
        "--startup", "5m", "--peak", "10", "--concurrency", "1",
    )  # fmt: skip

    assert "The target is not met" in said


def test_the_documents_show_what_it_says_and_its_last_line_is_what_a_scheduler_reads() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/scaling.md").read_text()
    command, _, shown = page.partition("$ jobyard plan ")[2].partition("```")[0].partition("\n")

    said = plan(*command.split())

    assert said == shown
    setting, _, value = said.splitlines()[-1].partition("=")
    assert setting == "JOBYARD_POOLS"
    assert pools_from(value.strip("'"))[0].concurrency == 8


def test_jobs_that_compute_get_fewer_slots() -> None:
    found = settings_of("--arrival", "1/s", "--job", "2s", "--cpu-share", "0.8")

    assert found["concurrency"] == 1


def test_a_trace_is_planned_for_as_it_was(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.write_text("\n".join(str(1000 + at * 0.5) for at in range(600)))

    assert "600 jobs in 5 minutes" in plan("--trace", str(trace), "--job", "1s")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "--arrival 50/s"),
        (["--arrival", "50"], "'50' is no rate"),
        (["--arrival", "50/s", "--job", "soon"], "'soon' is no time"),
        (["--arrival", "50000/s"], "goes to 2000/s"),
        (["--trace", "missing"], "--trace missing"),
    ],
)
def test_what_is_no_number_is_said(arguments: list[str], reason: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        CliRunner().invoke(app, ["plan", *arguments], catch_exceptions=False)

    assert reason in str(raised.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2", 2), ("500ms", 0.5), ("1.5m", 90), ("2 h", 7200), ("1d", 86_400)],
)
def test_times_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(("text", "rate"), [("50/s", 50), ("30/min", 0.5), ("36 / h", 0.01)])
def test_rates_are_read_as_people_write_them(text: str, rate: float) -> None:
    assert rate_of(text) == pytest.approx(rate)
