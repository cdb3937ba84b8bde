"""Plain functions, as RQ's users enqueue them: they know nothing of Jobyard."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from rq import Queue, Retry, get_current_job
from rq.job import Job as RQJob

from support.ledger import append

if TYPE_CHECKING:
    from rq.job import Job

LOG = "rq-test-log"
"""A list that callbacks and handlers append to, in the store of the job."""


def add(a: int, b: int) -> int:
    """Returns a sum."""
    return a + b


async def add_later(a: int, b: int) -> int:
    """Returns a sum, as a coroutine."""
    return a + b


def unserializable() -> object:
    """Returns what JSON cannot carry."""
    return object()


def pid() -> int:
    """The process that ran it."""
    return os.getpid()


def dice() -> float:
    """Throws a die."""
    return random.random()


def boom(text: str = "boom") -> None:
    """Raises."""
    raise ValueError(text)


def record(text: str) -> str:
    """Leaves a line in the store."""
    job = _job()
    job.connection.rpush(LOG, text)
    return text


def nap(seconds: float) -> str:
    """Its start and its end are on record."""
    job = _job()
    append("start", job.id, "-", 1)
    time.sleep(seconds)
    append("end", job.id, "-", 1)
    return "rested"


def stubborn_nap(seconds: float) -> str:
    """Swallows whatever comes before its time is over."""
    deadline = time.monotonic() + seconds
    append("start", _job().id, "-", 1)
    while time.monotonic() < deadline:
        with contextlib.suppress(Exception):
            time.sleep(0.05)
    return "rested"


def die() -> None:
    """Kills its own process."""
    append("start", _job().id, "-", 1)
    os.kill(os.getpid(), signal.SIGKILL)


def fail_times(times: int) -> str:
    """Raises so many times, then returns."""
    job = _job()
    if job.connection.incr(f"rq-test-tries:{job.id}") <= times:
        raise ValueError("not yet")
    return "at last"


def ask_again(times: int, interval: int = 0) -> Any:
    """Returns RQ's ``Retry`` so many times."""
    job = _job()
    if job.connection.incr(f"rq-test-tries:{job.id}") <= times:
        return Retry(max=times, interval=interval)
    return "at last"


def ask_for_ever(most: int) -> Any:
    """Returns RQ's ``Retry`` always."""
    return Retry(max=most)


def keep_meta(text: str) -> None:
    """Writes the job's meta, as a progress bar does."""
    job: Any = _job()
    job.meta["said"] = text
    job.save_meta()


def on_success(job: Job, connection: Any, result: Any) -> None:
    """A success callback."""
    connection.rpush(LOG, f"success {job.id} {result}")


def on_failure(job: Job, connection: Any, kind: type, value: BaseException, _: Any) -> None:
    """A failure callback."""
    connection.rpush(LOG, f"failure {job.id} {kind.__name__} {value}")


def on_stopped(job: Job, connection: Any) -> None:
    """A stopped callback."""
    connection.rpush(LOG, f"stopped {job.id}")


def failing_callback(*_: Any) -> None:
    """A callback that raises."""
    raise RuntimeError("the callback failed")


def endless_callback(*_: Any) -> None:
    """A callback that takes longer than it may."""
    time.sleep(60)


def handle(job: Job, kind: type, *_: Any) -> bool:
    """An exception handler, as named on the command line."""
    job.connection.rpush(LOG, f"handler {job.id} {kind.__name__}")
    return True


def leak(name: str) -> str:
    """What another job left in this process."""
    before = getattr(sys, "rq_test_leak", "")
    sys.rq_test_leak = name  # type: ignore[attr-defined]
    return before


def _job() -> Job:
    job = get_current_job()
    assert job is not None
    return job


def triple(value: tuple[int, ...]) -> tuple[int, ...]:
    """Returns what JSON would turn into something else."""
    return value * 3


class Backwards:
    """A serializer of a user's own."""

    @staticmethod
    def dumps(value: Any) -> bytes:
        """JSON, from its end to its start."""
        return json.dumps(value).encode()[::-1]

    @staticmethod
    def loads(data: bytes) -> Any:
        """As ``dumps``."""
        return json.loads(data[::-1])


class LoudJob(RQJob):
    """A job class of a user's own."""

    def perform(self) -> Any:  # type: ignore[explicit-override]  # typing.override comes with 3.12
        """Does something else than to call the function."""
        return "LOUD"


class HastyQueue(Queue):
    """A queue class of a user's own."""

    DEFAULT_TIMEOUT = 5
