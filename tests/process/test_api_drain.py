"""The way out of an API process: not ready first, then everything under way is finished."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest

from support.balancer import Balancer
from support.rest import Rest
from support.waiting import wait_for
from support.wire import Wire, post

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.processes import Services

JOB = b'{"task": "echo"}'
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
ROUNDS = 2
CLIENTS = 6


class Clients:
    """Several clients that submit and read without a pause. A context manager."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.answers: Counter[int] = Counter()
        self.failures: list[str] = []
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._go_on) for _ in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self.wait_for_more()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(60)

    def wait_for_more(self) -> None:
        """Until each has made some more requests."""
        goal = self.answers.total() + 20 * CLIENTS
        wait_for(lambda: self.answers.total() >= goal or self.failures, 60)

    def _go_on(self) -> None:
        with httpx.Client(base_url=self.base_url, timeout=30) as http:
            while not self._ending.is_set():
                try:
                    self._ask(http)
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))

    def _ask(self, http: httpx.Client) -> None:
        made = http.post("/v1/jobs", content=_in_pieces(), headers={"Content-Type": JSON})
        found = http.get(made.headers.get("location", "/v1/jobs/none"))
        for reply, status in ((made, 201), (found, 200)):
            self.answers[reply.status_code] += 1
            if reply.status_code != status:
                self.failures.append(reply.text)


JSON = "application/json"


def _in_pieces() -> Iterator[bytes]:
    yield JOB[:5]
    yield JOB[5:]


@contextlib.contextmanager
def two(services: Services) -> Iterator[tuple[list[Rest], Balancer]]:
    with (
        Rest(services, JOBYARD_API_DRAIN_SECONDS=1) as one,
        Rest(services, JOBYARD_API_DRAIN_SECONDS=1) as other,
        Balancer([one.port, other.port]) as balancer,
    ):
        yield [one, other], balancer


@pytest.mark.slow
def test_no_request_fails_while_processes_behind_a_balancer_are_replaced(
    services: Services, figure: Callable[[str, object], None]
) -> None:
    with two(services) as (apis, balancer), Clients(balancer.base_url) as clients:
        for leaving in apis * ROUNDS:
            leaving.service.term()
            assert leaving.service.wait(30) == 0
            clients.wait_for_more()
            leaving.restart()
            wait_for(lambda: len(balancer.ready) == 2, 30)
            clients.wait_for_more()

    assert clients.failures == []
    assert set(clients.answers) == {200, 201}
    figure("requests during 4 replacements", clients.answers.total())


def test_a_process_under_load_leaves_without_a_failed_request(services: Services) -> None:
    with two(services) as (apis, balancer), Clients(balancer.base_url) as clients:
        apis[0].service.term()
        assert apis[0].service.wait(30) == 0
        clients.wait_for_more()

    assert clients.failures == []


def test_it_says_that_it_is_not_ready_and_serves_on(services: Services) -> None:
    with Rest(services, JOBYARD_API_DRAIN_SECONDS=60) as api:
        connected = api.http.get("/livez")
        api.service.term()
        wait_for(lambda: api.status("/readyz") == 503)

        problem = api.http.get("/readyz")
        assert "connection" not in connected.headers
        assert (problem.json()["code"], problem.json()["retryable"]) == ("shutting-down", True)
        served = api.http.post("/v1/jobs", json={"task": "echo"})
        assert (served.status_code, served.headers["connection"]) == (201, "close")
        assert api.service.is_running


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal(services: Services, number: signal.Signals) -> None:
    """SIGTERM changes nothing; Ctrl-C is somebody who waits."""
    with Rest(services, JOBYARD_API_DRAIN_SECONDS=60) as api:
        api.service.term()
        wait_for(lambda: api.status("/readyz") == 503)
        api.service.send(number)

        if number == signal.SIGINT:
            assert api.service.wait(20) == 0
        else:
            assert [api.status("/livez") for _ in range(20)] == [200] * 20
            assert api.service.is_running


@pytest.mark.parametrize("size", [7, 60, len(post("/v1/jobs", JOB)) - 1])
def test_a_request_that_has_begun_to_arrive_is_finished(services: Services, size: int) -> None:
    request = post("/v1/jobs", JOB)

    with Rest(services) as api, Wire(f"http://127.0.0.1:{api.port}") as wire:
        wire.send(LIVEZ)
        assert wire.reply().status == 200
        wire.send(request[:size])
        api.status("/livez")  # by its answer the bytes before it have been read
        api.service.term()
        api.service.wait_for_log("Shutting down")
        api.service.send(signal.SIGTERM)
        wire.send(request[size:])
        reply = wire.reply()

        assert (reply.status, reply.headers["connection"]) == (201, "close")
        assert api.service.wait(20) == 0


def test_a_client_that_does_not_finish_holds_it_for_no_longer_than_its_time(
    services: Services,
) -> None:
    with (
        Rest(services, JOBYARD_API_SHUTDOWN_SECONDS=1) as api,
        Wire(f"http://127.0.0.1:{api.port}") as wire,
    ):
        wire.send(post("/v1/jobs", JOB)[:-1])
        api.status("/livez")
        api.service.term()

        assert api.service.wait(20) == 0


def test_its_end_is_logged_in_order(services: Services) -> None:
    with Rest(services, JOBYARD_API_DRAIN_SECONDS=0.2) as api:
        api.service.term()
        api.service.wait(20)

    assert [event for event in events(api.service.log()) if event.startswith("api.")] == [
        "api.started", "api.draining", "api.stopped",
    ]  # fmt: skip


def events(log: str) -> list[str]:
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    found: list[Any] = [line.get("event") for line in lines]
    return found
