"""What a run's files come to: the report, its summary and its page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from loadlab import findings, summary
from loadlab.files import ACCOUNT, BEGUN, MARKS, REQUESTS, SAMPLES, SCENARIO
from loadlab.page_writer import page_of
from loadlab.recorder import Recorder
from loadlab.scenario import Scenario
from loadlab.shapes import Steady

if TYPE_CHECKING:
    from pathlib import Path

BEGAN = 1_000.0
QUANTILES = {"p50": 5.0, "p90": 6.0, "p95": 6.5, "p99": 7.0, "p999": 8.0, "max": 9.0}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two seconds at 2/s, in which the third answer was a refusal."""
    scenario = Scenario(name="</script>", seconds=2, shape=Steady(rate=2))
    (tmp_path / SCENARIO).write_text(scenario.model_dump_json())
    (tmp_path / BEGUN).write_text(f"{BEGAN}\n")
    records = Recorder()
    for number in range(4):
        due = BEGAN + number / 2
        records.sent("POST /v1/jobs", due, due)
        if number == 2:
            records.failed("POST /v1/jobs", due, "queue-full")
        else:
            records.answered("POST /v1/jobs", due, due, due + 0.2 * number)
    records.sent("GET …/result", BEGAN, BEGAN)
    (tmp_path / REQUESTS).write_text("".join(json.dumps(each) + "\n" for each in records.drain()))
    locust = {"kind": "locust", "pid": 1, "rss": 1, "cpu_percent": 50.0}
    samples = [
        {"at": BEGAN + at, "queues": None, "workers": None, "processes": [locust]}
        for at in range(3)
    ]
    (tmp_path / SAMPLES).write_text("".join(json.dumps(each) + "\n" for each in samples))
    (tmp_path / MARKS).write_text(json.dumps({"at": BEGAN + 1, "text": "worker killed"}) + "\n")
    (tmp_path / ACCOUNT).write_text(json.dumps(account()))
    return tmp_path


def account() -> dict[str, Any]:
    states = dict.fromkeys(("failed", "canceled", "expired", "waiting", "unanswered", "lost"), 0)
    return {
        "acknowledged": 3,
        "succeeded": 3,
        **states,
        "doubled": 0,
        "rescued": 1,
        "once": QUANTILES,
    }


def test_arrivals_are_counted_apart_from_what_follows_them(run: Path) -> None:
    load = findings.gather(run)["load"]

    assert (load["sent"], load["answered"]) == (4, 3)
    assert (load["requests"], load["failed"]) == (5, 1)
    assert (load["asked"], load["achieved_share"]) == pytest.approx((4, 1))


def test_moments_count_from_the_start_of_the_run(run: Path) -> None:
    found = findings.gather(run)

    assert found["marks"] == [{"second": 1.0, "text": "worker killed"}]
    assert [sample["second"] for sample in found["samples"]] == [0, 1, 2]
    assert found["problems"] == {"queue-full": [[1, 1]]}
    assert [each[0] for each in found["series"]["POST /v1/jobs"]["seconds"]] == [0, 1]


def test_what_took_long_is_counted_as_delayed(run: Path) -> None:
    submit = findings.gather(run)["series"]["POST /v1/jobs"]

    assert (submit["sent"], submit["answered"], submit["delayed"]) == (4, 3, 2)
    assert submit["latency"]["max"] == pytest.approx(600, rel=0.016)
    assert submit["curve"][-1] == [0.0, pytest.approx(600, rel=0.016)]


def test_the_processor_time_of_the_driver_is_said(run: Path) -> None:
    found = {**findings.gather(run), "broken": ["lost jobs: 1, at most 0"]}

    lines = list(summary.lines(found))

    assert found["load"]["driver_seconds"] == pytest.approx(1.0)
    assert lines[0] == "sent      4 of 4 asked for (100.0%), 1 of 5 requests failed"
    assert "200 ms of a processor a request" in lines[1]
    assert "jobs      3 acknowledged: 3 succeeded" in lines
    assert lines[-1] == "BROKEN    lost jobs: 1, at most 0"


def test_no_text_of_a_run_ends_the_script_of_its_page(run: Path) -> None:
    found = {**findings.gather(run), "broken": []}

    page = page_of([found])

    data = page.partition('id="runs">')[2].partition("</script>")[0]
    assert json.loads(data)[0]["scenario"]["name"] == "</script>"
    assert "<title>Load test: &lt;/script&gt;</title>" in page
    assert "{{" not in page.replace("${{", "")
