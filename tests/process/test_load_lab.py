"""Load tests as a person runs them: against real services, with real losses and real stalls."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support.processes import TESTS, Services, clean_environment
from support.rest import Rest
from support.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from support.servers import RawClient

LOADTEST = TESTS.parent / "loadtest"
SUBMIT = "POST /v1/jobs"


class Lab:
    """One run of the lab as a process, and what it reported."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory / "run"
        command = ["run", *arguments, "--directory", str(self.directory)]
        self.log = directory / "lab.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "loadlab", *command],
                cwd=LOADTEST,
                env=clean_environment(),
                stdout=log,
                stderr=log,
            )

    def wait(self) -> int:
        """Its exit code."""
        try:
            return self.process.wait(200)
        finally:
            self.process.kill()

    @property
    def report(self) -> dict[str, Any]:
        """What it found."""
        found: dict[str, Any] = json.loads((self.directory / "report.json").read_text())
        return found

    @property
    def account(self) -> dict[str, Any]:
        """What became of the jobs."""
        account: dict[str, Any] = self.report["account"]
        return account


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "follow_by"), [("2", "poll"), ("1", "stream")])
def test_a_run_starts_a_yard_follows_each_job_and_reports(
    processes: str, follow_by: str, tmp_path: Path
) -> None:
    mix = "mix={submit=2, follow=2, batch=1, read=1, classic=1, browse=1}"
    generous = "thresholds={error_share=0, achieved_share=0}"
    lab = Lab(
        tmp_path, "default", "--seconds", "6", "--rate", "20", "--set", mix, "--set", generous
    )

    assert lab.wait() == 0, lab.log.read_text()

    account, series = lab.account, lab.report["series"]
    assert account["acknowledged"] == account["succeeded"] > 6 * 20
    assert (account["lost"], account["doubled"], account["rescued"]) == (0, 0, 0)
    assert series["JOB end-to-end"]["answered"] == series["JOB end-to-end"]["sent"] > 0
    assert {SUBMIT, "POST /v1/jobs/batch", "POST /job", "GET /v1/jobs/{id}"} <= set(series)
    kinds = {each["kind"] for sample in lab.report["samples"] for each in sample["processes"]}
    assert kinds >= {"api", "worker", "scheduler", "store", "locust"}
    page = (lab.directory / "report.html").read_text()
    assert lab.report["machine"] in page
    assert not re.search(r"""(src|href)=|url\(|@import|fetch\(""", page)


@pytest.mark.slow
def test_a_spike_begins_and_ends(tmp_path: Path) -> None:
    shape = 'shape={kind="spike", rate=0, peak=40, at_second=1, peak_seconds=2}'
    lab = Lab(tmp_path, "stall", "--seconds", "4", "--set", shape, "--set", "chaos=[]")

    lab.wait()

    seconds = lab.report["series"][SUBMIT]["seconds"]
    assert sum(sent for _, sent, *_ in seconds) == 80
    assert {second for second, *_ in seconds} <= {1, 2, 3}  # it begins within a second


@pytest.mark.slow
def test_a_server_that_stalls_delays_all_that_was_due_meanwhile(tmp_path: Path) -> None:
    lab = Lab(tmp_path, "stall", "--set", "thresholds.achieved_share=0")

    assert lab.wait() == 0, lab.log.read_text()

    submit = lab.report["series"][SUBMIT]
    assert submit["delayed"] > 900
    assert submit["latency"]["p99"] > 4_500
    assert [mark["text"][:17] for mark in lab.report["marks"]] == ["api frozen for 5 "]


def test_a_run_that_loses_a_job_says_which_and_ends_badly(
    services: Services, client: RawClient, tmp_path: Path
) -> None:
    paths = f"{LOADTEST}:{TESTS}"
    services.start(
        "jobyard-worker",
        PYTHONPATH=paths,
        JOBYARD_TASK_MODULES="loadlab.tasks",
        JOBYARD_CONCURRENCY=1,
    )
    with Rest(services) as api:
        api.wait_for_task("load.sleep")
        slow = 'tasks=[{name="load.sleep", payload={milliseconds=300}}]'
        url = f"http://127.0.0.1:{api.port}"
        lab = Lab(
            tmp_path, "default", "--url", url, "--seconds", "4", "--rate", "10",
            "--set", slow, "--set", "mix={submit=1}", "--set", "thresholds={achieved_share=0}",
        )  # fmt: skip
        wait_for(lambda: client.llen("rq:queue:default") > 5)
        lost = client.rpop("rq:queue:default").decode()
        client.delete(f"rq:job:{lost}")

        assert lab.wait() == 1, lab.log.read_text()

    assert lab.account["lost_ids"] == [lost]
    assert lab.account["succeeded"] == lab.account["acknowledged"] - 1
    assert lab.report["broken"] == ["lost jobs: 1, at most 0"]
    assert "BROKEN    lost jobs: 1" in lab.log.read_text()


def test_a_scenario_that_cannot_be_meant_is_one_line(tmp_path: Path) -> None:
    lab = Lab(tmp_path, "default", "--rate", "-1")

    assert lab.wait() == 2
    assert "shape" in lab.log.read_text()
    assert "Traceback" not in lab.log.read_text()
