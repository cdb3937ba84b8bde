"""Locust's users: each is a timer that starts requests when they are due and waits for none."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, ClassVar

import gevent
from locust import User, task
from typing_extensions import override

if TYPE_CHECKING:
    from loadlab.drive.driver import Driver
    from loadlab.scenario import Scenario


class OpenUser(User):
    """Starts ``act`` at its own times; ``driver`` is set before the first user starts."""

    abstract = True
    driver: ClassVar[Driver]

    @task
    def arrive(self) -> None:
        """Goes on until Locust stops the user."""
        for due in self.driver.due_times():
            gevent.sleep(max(0.0, due - time.time()))
            self.driver.launch(self.act, due)
        gevent.sleep(self.driver.scenario.seconds)

    def act(self, due: float) -> None:
        """One arrival that was due at ``due`` (Unix seconds)."""
        raise NotImplementedError


class Submitter(OpenUser):
    """Submits a job and leaves."""

    @override
    def act(self, due: float) -> None:
        """One submission."""
        self.submit(due)

    def submit(self, due: float) -> str | None:
        """The id of a new job; None when it was not acknowledged."""
        reply = self.driver.exchange(
            "POST /v1/jobs", due, "POST", "/v1/jobs", self.driver.orders.one()
        )
        if reply is None:
            return None
        job = json.loads(reply.body)
        self.driver.acknowledge(job["id"], due, job["task"])
        return str(job["id"])


class Follower(Submitter):
    """Submits a job and waits until it has ended: the whole time is an event of its own."""

    @override
    def act(self, due: float) -> None:
        """One submission, up to its result."""
        job_id = self.submit(due)
        if job_id is None:
            return
        sent = time.time()
        self.driver.recorder.sent(_END_TO_END, due, sent)
        if self.driver.scenario.follow_by == "stream":
            outcome = self.driver.ends.wait(job_id, self.driver.scenario.drain_seconds)
        else:
            outcome = self._poll(job_id, due)
        if outcome == "succeeded":
            self.driver.ended(_END_TO_END, due, sent)
        else:
            self.driver.refused(_END_TO_END, due, outcome or "not-ended")

    def _poll(self, job_id: str, due: float) -> str | None:
        """The job's last state by long polls; None when it does not end."""
        path = f"/v1/jobs/{job_id}/result?wait=30s"
        while time.time() < due + self.driver.scenario.drain_seconds:
            reply = self.driver.exchange("GET …/result", time.time(), "GET", path)
            if reply is None:
                gevent.sleep(1.0)
            elif reply.status == 200:
                return str(json.loads(reply.body)["state"])
        return None


_END_TO_END = "JOB end-to-end"


class Batcher(OpenUser):
    """Submits many jobs at once."""

    @override
    def act(self, due: float) -> None:
        """One batch."""
        driver = self.driver
        reply = driver.exchange(
            "POST /v1/jobs/batch", due, "POST", "/v1/jobs/batch", driver.orders.batch()
        )
        for result in _results(reply.body if reply else b"{}"):
            if result["status"] == 201:
                driver.acknowledge(result["job"]["id"], due, result["job"]["task"])
            else:
                driver.recorder.failed("POST /v1/jobs/batch", due, _code(result))


def _results(body: bytes) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = json.loads(body).get("results", [])
    return results


def _code(result: dict[str, Any]) -> str:
    return str(result.get("problem", {}).get("code", result["status"]))


class Reader(Submitter):
    """Submits a job and looks at it a few times, as programs do that poll."""

    LOOKS = 4

    @override
    def act(self, due: float) -> None:
        """One submission and its looks."""
        job_id = self.submit(due)
        for _ in range(self.LOOKS if job_id else 0):
            gevent.sleep(self.driver.draw.random())
            self.driver.exchange("GET /v1/jobs/{id}", time.time(), "GET", f"/v1/jobs/{job_id}")


class Classic(OpenUser):
    """Uses a route of one of the older systems, and asks what became of it."""

    @override
    def act(self, due: float) -> None:
        """One number to draw."""
        body = b'{"lowest": 1, "highest": 6}'
        reply = self.driver.exchange("POST /job", due, "POST", "/job", body)
        if reply is None:
            return
        job_id = json.loads(reply.body)["job_id"]
        self.driver.acknowledge(job_id, due, "random_number")
        self.driver.exchange("GET /job-status/{id}", time.time(), "GET", f"/job-status/{job_id}")


class Browser(OpenUser):
    """Looks at one page of what people look at: lists, queues, the dashboard."""

    PAGES: ClassVar[dict[str, str]] = {
        "/v1/jobs": "/v1/jobs?page_size=50",
        "/v1/jobs?state=failed": "/v1/jobs?state=failed&page_size=50",
        "/v1/queues": "/v1/queues",
        "/v1/workers": "/v1/workers",
        "/rq": "/rq",
        "/rq/jobs/json": "/rq/jobs/json",
    }

    @override
    def act(self, due: float) -> None:
        """One page."""
        name, path = self.driver.draw.choice(list(self.PAGES.items()))
        self.driver.exchange(f"GET {name}", due, "GET", path)


USERS: dict[str, type[OpenUser]] = {
    "submit": Submitter,
    "follow": Follower,
    "batch": Batcher,
    "read": Reader,
    "classic": Classic,
    "browse": Browser,
}


def users_of(scenario: Scenario) -> list[type[OpenUser]]:
    """The users of a scenario's mix, weighted as it says."""
    smallest = min(scenario.mix.values())
    chosen = []
    for action, weight in scenario.mix.items():
        user = USERS[action]
        user.weight = round(10 * weight / smallest)
        chosen.append(user)
    return chosen
