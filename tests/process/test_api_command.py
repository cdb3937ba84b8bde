"""``jobyard-api`` as a process: how it starts, what it says, how it stops."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support.processes import SCRIPTS, clean_environment
from support.rest import Rest
from support.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from support.processes import Services


def run(directory: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPTS / "jobyard-api"), *arguments],
        env={**clean_environment(), **env},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_help_names_every_setting(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")

    assert done.returncode == 0
    for name in ("JOBYARD_API_HOST", "JOBYARD_API_PORT", "JOBYARD_REDIS_URL", "--host", "--port"):
        assert name in done.stdout


def test_version_is_shown(tmp_path: Path) -> None:
    done = run(tmp_path, "--version")

    assert (done.returncode, done.stdout.split()[0]) == (0, "jobyard-api")


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({"JOBYARD_API_PORT": "many"}, "JOBYARD_API_PORT"),
        ({"JOBYARD_API_PORT": "70000"}, "JOBYARD_API_PORT"),
        ({"JOBYARD_MAX_BODY_BYTES": "-1"}, "JOBYARD_MAX_BODY_BYTES"),
        ({"JOBYARD_REDIS_URL": "http://x"}, "JOBYARD_REDIS_URL"),
        ({"JOBYARD_LOG_LEVEL": "loud"}, "JOBYARD_LOG_LEVEL"),
        ({"JOBYARD_API_HOST": "192.0.2.1"}, "JOBYARD_API_HOST"),
        ({"JOBYARD_API_HOST": "no such host"}, "JOBYARD_API_HOST"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_one_line_with_its_name(
    tmp_path: Path, env: dict[str, str], name: str
) -> None:
    done = run(tmp_path, **env)

    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert name in done.stderr


def test_a_busy_port_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run(tmp_path, "--port", port)

    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr


def test_it_starts_while_the_store_is_away_and_serves_when_it_comes(services: Services) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"
    api = Rest(services, JOBYARD_REDIS_URL=url)

    wait_for(lambda: api.status("/livez") == 200, 20)

    assert api.status("/readyz") == 503
    assert api.service.is_running
    api.http.close()


def test_a_request_is_one_line_with_route_status_and_duration(services: Services) -> None:
    with Rest(services) as api:
        api.http.get("/v1/jobs/some-id?secret=1", headers={"X-Request-ID": "find-me"})
        api.service.wait_for_log("find-me")

    [line] = [
        entry
        for entry in map(_json, api.service.log().splitlines())
        if entry.get("request_id") == "find-me"
    ]
    assert (line["event"], line["method"], line["status"]) == ("http.request", "GET", 404)
    assert line["route"] == "/v1/jobs/{job_id}"
    assert line["duration_ms"] > 0
    assert "secret" not in api.service.log()


def test_what_is_no_route_of_ours_has_a_fixed_name_in_the_log(services: Services) -> None:
    paths = ["/openapi.json", "/static/icon.svg", "/static/none", "/docs/assets/none", "/none"]

    with Rest(services) as api:
        for path in paths:
            api.http.get(path)
        api.http.get("/", headers={"X-Request-ID": "the-last"})
        api.service.wait_for_log("the-last")

    lines = map(_json, api.service.log().splitlines())
    routes = [line["route"] for line in lines if line.get("event") == "http.request"]
    assert routes[-6:] == ["/openapi.json", "/static", "/static", "/docs/assets", "", "/"]


def test_it_stops_at_once_when_told_to(services: Services) -> None:
    with Rest(services) as api:
        api.service.term()

        assert api.service.wait(20) == 0


def test_its_start_and_its_end_are_one_line_each(services: Services) -> None:
    with Rest(services) as api:
        api.service.term()
        api.service.wait(20)

    lines = map(_json, api.service.log().splitlines())
    events = [line["event"] for line in lines if line.get("level") != "debug"]
    assert [event for event in events if event != "http.request"] == [
        "metrics.started",
        "api.started",
        "api.stopped",
    ]


def test_no_line_of_an_answered_request_is_lost_when_it_stops(services: Services) -> None:
    answered: list[str] = []

    def send(api: Rest) -> None:
        with suppress(httpx.TransportError), httpx.Client(base_url=api.http.base_url) as client:
            while True:
                order = {"task": "add", "payload": {"a": 2, "b": 3}}
                answered.append(client.post("/v1/jobs", json=order).headers["x-request-id"])

    with Rest(services) as api:
        senders = [threading.Thread(target=send, args=(api,)) for _ in range(8)]
        for sender in senders:
            sender.start()
        wait_for(lambda: len(answered) > 100)
        api.service.term()
        assert api.service.wait(20) == 0
        for sender in senders:
            sender.join(20)

    lines = [json.loads(line) for line in api.service.log().splitlines()]
    logged = [line["request_id"] for line in lines if line["event"] == "http.request"]
    assert len(logged) == len(set(logged))
    assert set(answered) <= set(logged)


def test_requests_under_way_are_finished_before_it_stops(services: Services) -> None:
    with Rest(services) as api:
        begun, statuses = threading.Event(), []

        def body() -> Any:
            yield b'{"task": "echo",'
            begun.set()
            wait_for(lambda: "Shutting down" in api.service.log())
            yield b' "payload": {}}'

        def send() -> None:
            headers = {"Content-Type": "application/json"}
            url = f"http://127.0.0.1:{api.port}/v1/jobs"
            statuses.append(httpx.post(url, content=body(), headers=headers).status_code)

        sender = threading.Thread(target=send)
        sender.start()
        begun.wait(10)
        wait_for(lambda: api.status("/livez") == 200)
        api.service.send(signal.SIGTERM)
        sender.join(20)

        assert statuses == [201]
        assert api.service.wait(20) == 0


def _json(line: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return found
