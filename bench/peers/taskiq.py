"""Taskiq: one worker process with an event loop, on its Redis brokers."""

from __future__ import annotations

import asyncio
import os
from functools import cache

from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend, RedisStreamBroker

from peers import clock

PACKAGES = ("taskiq", "taskiq-redis", "redis", "hiredis", "uvloop", "orjson")
_WORKER = [
    "taskiq", "worker", "-w", "1", "--log-level", "ERROR", "--max-async-tasks", "100",
    "--max-prefetch", "100", "--no-parse",
]  # fmt: skip
COMMANDS = {
    "list": [*_WORKER, "peers.taskiq:lists"],
    "stream": [*_WORKER, "peers.taskiq:streams"],
}
FINISHED = ["DBSIZE"]
SETTINGS = """1 worker, list broker, up to 100 jobs at once, uvloop, results on, logs off. 10 or
    1 000 at once and the stream broker are slower."""

_URL = os.environ["BENCH_URL"]
_results = RedisAsyncResultBackend[None](_URL, result_ex_time=86_400)
lists = ListQueueBroker(_URL, queue_name="list").with_result_backend(_results)
streams = RedisStreamBroker(_URL, queue_name="stream", consumer_id="0").with_result_backend(
    _results
)
broker = streams if os.environ.get("BENCH_WAY") == "stream" else lists


@broker.task(task_name="noop")
async def noop() -> None:
    """Nothing."""


@broker.task(task_name="clocked")
async def clocked() -> None:
    """Sends its clock."""
    clock.stamp()


def submit(jobs: int) -> None:
    """Stores jobs that do nothing."""
    runner().run(_submit(jobs))


def stamp() -> None:
    """Stores one job that sends its clock."""
    runner().run(clocked.kiq())


@cache
def runner() -> asyncio.Runner:
    """One event loop for all submissions, with the broker started on it."""
    runner = asyncio.Runner()
    runner.run(broker.startup())
    return runner


async def _submit(jobs: int) -> None:
    for _ in range(jobs):
        await noop.kiq()
