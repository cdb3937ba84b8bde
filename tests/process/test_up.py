"""`jobyard up` as a stranger uses it: it starts, is tried, survives a crash, and ends in order."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support.processes import SCRIPTS, Service, Services, clean_environment
from support.servers import free_port
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.servers import StoreServer

START_SECONDS = 60.0


class Up:
    """One `jobyard up` on a port of its own."""

    def __init__(self, services: Services, *arguments: str, **env: object) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        env = {"JOBYARD_API_PORT": self.port, "JOBYARD_GRACE_SECONDS": 15, **env}
        self.service: Service = services.start("jobyard", "up", "--workers", "1", *arguments, **env)

    def wait_until_ready(self) -> Up:
        wait_for(self._is_settled, START_SECONDS, self.log)
        assert self.service.is_running, self.log()
        return self

    def _is_settled(self) -> bool:
        return "try it:" in self.log() or not self.service.is_running

    def log(self) -> str:
        return self.service.log()

    def post(self, task: str, **payload: object) -> str:
        answer = httpx.post(f"{self.url}/v1/jobs", json={"task": task, "payload": payload})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = httpx.get(f"{self.url}/v1/jobs/{job_id}").json()
        return job

    def wait_for_state(self, job_id: str, state: str) -> None:
        wait_for(lambda: self.job(job_id)["state"] == state, 30, self.log)

    def worker_pid(self) -> int:
        workers = httpx.get(f"{self.url}/v1/workers").json()["workers"]
        return int(workers[0]["pid"])


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """Starts commands with no server of ours behind them."""
    services = Services(tmp_path, {})
    yield services
    services.end()


def command(directory: Path, *arguments: str, **env: object) -> subprocess.CompletedProcess[str]:
    """One command of the command line, with its output."""
    return subprocess.run(
        [SCRIPTS / "jobyard", *arguments],
        cwd=directory,
        env={**clean_environment(), **{name: str(value) for name, value in env.items()}},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def is_one_line(text: str) -> bool:
    return text.count("\n") == 1 and "Traceback" not in text


def test_the_line_to_try_works_and_ctrl_c_stops_everything(
    services: Services, tmp_path: Path
) -> None:
    up = Up(services).wait_until_ready()
    line = re.search(r"curl .*", up.log())
    assert line

    answer = subprocess.run(["sh", "-c", line[0]], capture_output=True, text=True, check=True)
    job_id = json.loads(answer.stdout)["id"]
    up.wait_for_state(job_id, "succeeded")
    up.service.send(signal.SIGINT)

    assert up.service.wait() == 0
    assert not up.service.children()
    assert "Traceback" not in up.log()
    stops = [line for line in up.log().splitlines() if "| stopp" in line]
    order = [line.partition("| ")[2] for line in stops]
    assert order == ["stopping worker-1", "stopping api, scheduler", "stopping store", "stopped"]


def test_jobs_are_kept_between_runs_and_a_stale_lock_is_no_hindrance(
    services: Services, tmp_path: Path
) -> None:
    first = Up(services).wait_until_ready()
    job_id = first.post("add", a=1, b=2)
    first.wait_for_state(job_id, "succeeded")
    first.service.term()
    assert first.service.wait() == 0
    (tmp_path / ".jobyard" / "up.lock").write_text("999999999\n")

    second = Up(services).wait_until_ready()

    assert second.job(job_id)["result"] == 3


def test_a_running_job_finishes_before_the_yard_stops(services: Services) -> None:
    up = Up(services).wait_until_ready()
    job_id = up.post("sleep", seconds=2)
    up.wait_for_state(job_id, "running")

    up.service.send(signal.SIGINT)

    assert up.service.wait() == 0
    finished = [line for line in up.log().splitlines() if "job.finished" in line]
    assert any(job_id in line and "outcome=succeeded" in line for line in finished)


def test_a_process_that_dies_is_started_again(services: Services) -> None:
    up = Up(services).wait_until_ready()
    before = up.worker_pid()

    os.kill(before, signal.SIGKILL)

    up.service.wait_for_log("worker-1 ended unexpectedly (SIGKILL); starts again in 0.5 s")
    job_id = up.post("add", a=1, b=1)
    up.wait_for_state(job_id, "succeeded")


def test_nothing_lives_on_when_the_yard_is_killed(services: Services) -> None:
    up = Up(services).wait_until_ready()
    assert len(up.service.children()) >= 5

    up.service.kill()

    wait_for(lambda: not up.service.children(), 40, lambda: str(up.service.children()))
    Up(services).wait_until_ready()


def test_a_second_yard_in_the_directory_is_refused(services: Services, tmp_path: Path) -> None:
    up = Up(services)
    wait_for((tmp_path / ".jobyard" / "up.lock").exists)
    wait_for(lambda: "scheduler" in up.log(), START_SECONDS)

    second = command(tmp_path, "up", "--port", "0")

    assert second.returncode == 1
    assert is_one_line(second.stderr)
    assert f"pid {up.service.pid}" in second.stderr
    assert up.service.is_running


def test_a_busy_port_is_one_line_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ended = command(tmp_path, "up", "--port", str(port))

    assert ended.returncode == 1
    assert is_one_line(ended.stderr)
    assert f"127.0.0.1:{port}" in ended.stderr
    assert "(Address already in use)" in ended.stderr
    assert "--port" in ended.stderr
    assert not ended.stdout


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis://:secret@127.0.0.1:1/0"])
def test_an_outside_server_that_is_not_there_is_one_line(tmp_path: Path, url: str) -> None:
    ended = command(tmp_path, "up", "--port", "0", "--redis-url", url)

    assert ended.returncode == 1
    assert is_one_line(ended.stderr)
    assert "redis://127.0.0.1:1/0" in ended.stderr
    assert "--redis-url" in ended.stderr
    assert "secret" not in ended.stderr
    assert not ended.stdout


def test_wrong_settings_are_one_line(tmp_path: Path) -> None:
    ended = command(tmp_path, "up", JOBYARD_API_PORT="eighty")

    assert ended.returncode == 2
    assert is_one_line(ended.stderr)
    assert "JOBYARD_API_PORT" in ended.stderr


def test_a_service_that_refuses_its_settings_stops_the_yard_with_its_words(
    services: Services, tmp_path: Path
) -> None:
    ended = command(tmp_path, "up", "--port", "0", JOBYARD_SCHEDULES_FILE="missing.toml")

    assert ended.returncode == 1
    assert is_one_line(ended.stderr)
    assert "JOBYARD_SCHEDULES_FILE" in ended.stderr


def test_an_outside_server_is_used_when_named(services: Services, server: StoreServer) -> None:
    up = Up(services, JOBYARD_REDIS_URL=server.url).wait_until_ready()

    job_id = up.post("add", a=2, b=2)
    up.wait_for_state(job_id, "succeeded")

    with server.client() as client:
        assert client.exists(f"rq:job:{job_id}")
    assert "stopping store" not in up.log()


def test_prometheus_is_told_where_the_metrics_of_each_process_are(
    services: Services, tmp_path: Path
) -> None:
    Up(services).wait_until_ready()

    told = json.loads((tmp_path / ".jobyard/prometheus-targets.json").read_text())

    assert {target["labels"]["instance"]: target["labels"]["job"] for target in told} == {
        "api": "jobyard-api",
        "scheduler": "jobyard-scheduler",
        "worker-1": "jobyard-worker",
    }
    for target in told:
        assert "jobyard_" in httpx.get(f"http://{target['targets'][0]}/metrics").text


def test_submit_and_watch_follow_a_job_to_its_end(services: Services, tmp_path: Path) -> None:
    url = Up(services).wait_until_ready().url

    submitted = command(
        tmp_path, "submit", "add", "--payload", '{"a": 1, "b": 2}', JOBYARD_API_URL=url
    )
    failing = command(tmp_path, "submit", "fail", "--queue", "low", JOBYARD_API_URL=url)
    good = command(tmp_path, "watch", json.loads(submitted.stdout)["id"], JOBYARD_API_URL=url)
    bad = command(tmp_path, "watch", json.loads(failing.stdout)["id"], JOBYARD_API_URL=url)
    unknown = command(tmp_path, "submit", "ad", JOBYARD_API_URL=url)
    missing = command(tmp_path, "watch", "nobody", JOBYARD_API_URL=url)

    assert (good.returncode, bad.returncode) == (0, 1)
    assert good.stdout.splitlines()[-1].endswith("succeeded  3")
    assert " failed " in bad.stdout.splitlines()[-1]
    assert json.loads(failing.stdout)["queue"] == "low"
    assert (unknown.returncode, missing.returncode) == (1, 1)
    assert is_one_line(unknown.stderr)
    assert "add" in unknown.stderr
    assert is_one_line(missing.stderr)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("submit", "add"), 1),
        (("watch", "someone"), 1),
        (("submit", "add", "--payload", "{"), 2),
        (("submit", "add", "--payload", "[1]"), 2),
        (("submit", "add", "--payload", '{"a": NaN}'), 1),
        (("watch", "a/b?c"), 1),
    ],
)
def test_a_client_command_that_cannot_work_is_one_line(
    tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    ended = command(tmp_path, *arguments, JOBYARD_API_URL=f"http://127.0.0.1:{free_port()}")

    assert ended.returncode == code
    assert is_one_line(ended.stderr)


def test_the_version_is_told(tmp_path: Path) -> None:
    assert command(tmp_path, "version").stdout == command(tmp_path, "--version").stdout != ""
