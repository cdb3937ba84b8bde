"""What all users of one Locust process share: connections, records, and requests under way."""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
from typing import TYPE_CHECKING, Any

import gevent
from gevent.pool import Group

from loadlab.api import Api
from loadlab.arrivals import Timetable, counts
from loadlab.drive.connections import Connections, NoAnswerError, Reply
from loadlab.drive.ends import Ends
from loadlab.drive.orders import Orders
from loadlab.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locust.env import Environment

    from loadlab.scenario import Scenario

MOST_UNDER_WAY = 20_000
"""More than this are not sent but counted as dropped: the machine has no ports left for them."""


class Driver:
    """One for each process."""

    def __init__(self, environment: Environment, scenario: Scenario, *, by_hand: bool) -> None:
        """``by_hand``: a person sets the number of users, and says when it is over."""
        self.scenario = scenario
        self._timetable = None if by_hand else Timetable(scenario.shape, scenario.seconds)
        self._users = scenario.users
        self.recorder = Recorder()
        self.draw = random.Random(f"{scenario.seed} {os.getpid()}")
        self.orders = Orders(scenario, self.draw)
        url = environment.host or "http://127.0.0.1:8000"
        self.connections = Connections(url, _headers(), scenario.timeout_seconds)
        self.ends = Ends(Api(url))
        self.acknowledged: list[str] = []
        self.began = time.time()
        self._fire: Any = environment.events.request.fire
        self._under_way = Group()

    def begin(self) -> None:
        """The run starts now."""
        self.began = time.time()
        if self.scenario.follow_by == "stream" and "follow" in self.scenario.mix:
            self.ends.start()

    def due_times(self) -> Iterator[float]:
        """When one user's arrivals are due, in Unix seconds; by hand they are one a second."""
        began = time.time()
        for count in counts(self.scenario.spacing, random.Random(self.draw.random())):
            if self._timetable is None:
                yield began + count
            elif (second := self._timetable.moment(count * self._users)) is not None:
                yield self.began + second
            else:
                return

    def launch(self, act: Callable[[float], None], due: float) -> None:
        """Starts what is due, whatever else is under way."""
        if len(self._under_way) >= MOST_UNDER_WAY:
            self.recorder.failed("all", due, "dropped")
        else:
            self._under_way.start(gevent.Greenlet(act, due))

    def finish(self) -> None:
        """Waits for the answers to what was sent."""
        self._under_way.join(timeout=self.scenario.timeout_seconds + 1)
        self._under_way.kill()

    def exchange(
        self, series: str, due: float, method: str, path: str, body: bytes | None = None
    ) -> Reply | None:
        """One request under the name of its series; None when it failed, which is on record."""
        with self._measured(series, due):
            return _checked(self.connections.request(method, path, body))
        return None

    def ended(self, series: str, due: float, sent: float) -> None:
        """Something that began at ``due`` has come to its good end."""
        now = time.time()
        self.recorder.answered(series, due, sent, now)
        self._tell_locust(series, now - due, None)

    def refused(self, series: str, due: float, problem: str) -> None:
        """It came to no good end."""
        self.recorder.failed(series, due, problem)
        self._tell_locust(series, time.time() - due, RefusedError(problem))

    def acknowledge(self, job_id: str, due: float, task: str) -> None:
        """Keeps the id of a job that the API has promised to run."""
        self.acknowledged.append(f"{job_id} {due:.6f} {task}")

    def drain(self) -> dict[str, Any]:
        """What happened since the last call, for the process that writes it down."""
        acknowledged, self.acknowledged = self.acknowledged, []
        return {"requests": self.recorder.drain(), "acknowledged": acknowledged}

    @contextlib.contextmanager
    def _measured(self, series: str, due: float) -> Iterator[None]:
        sent = time.time()
        self.recorder.sent(series, due, sent)
        try:
            yield
        except (RefusedError, NoAnswerError) as error:
            self.refused(series, due, str(error))
        except TimeoutError:
            self.refused(series, due, "timeout")
        except OSError as error:
            self.refused(series, due, type(error).__name__)
        else:
            self.ended(series, due, sent)

    def _tell_locust(self, series: str, seconds: float, error: Exception | None) -> None:
        kind, _, name = series.partition(" ")
        self._fire(
            request_type=kind,
            name=name,
            response_time=seconds * 1_000,
            response_length=0,
            exception=error,
            context={},
        )


class RefusedError(Exception):
    """The API answered with a problem; the message is its code."""


def _checked(reply: Reply) -> Reply:
    if reply.status >= 400:
        raise RefusedError(_problem(reply))
    return reply


def _problem(reply: Reply) -> str:
    """The code of an RFC 9457 problem, or else the status."""
    try:
        code = json.loads(reply.body)["code"]
    except (ValueError, KeyError, TypeError):
        return f"status-{reply.status}"
    return str(code)


def _headers() -> dict[str, str]:
    key = os.environ.get("JOBYARD_API_KEY")
    return {"Authorization": f"Bearer {key}"} if key else {}
