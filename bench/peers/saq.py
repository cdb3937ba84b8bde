"""SAQ: one event loop, on its Redis queue."""

from __future__ import annotations

import asyncio
import os
from functools import cache
from typing import Any

import uvloop
from saq import Queue

from peers import clock

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

PACKAGES = ("saq", "redis", "hiredis", "uvloop")
COMMANDS = {"asyncio": ["saq", "peers.saq.settings", "--quiet"]}
FINISHED = ["ZCARD", "saq:bench:incomplete"]
COUNTS_WAITING = True
SETTINGS = """32 jobs at once, uvloop, results on, logs off. 8 at once are as quick within the
    noise, 100 are slower."""

queue = Queue.from_url(os.environ["BENCH_URL"], name="bench")


async def noop(_: Any) -> None:
    """Nothing."""


async def clocked(_: Any) -> None:
    """Sends its clock."""
    clock.stamp()


settings = {
    "queue": queue,
    "functions": [noop, clocked],
    "concurrency": 32,
}


def submit(jobs: int) -> None:
    """Stores jobs that do nothing."""
    runner().run(_submit(jobs))


def stamp() -> None:
    """Stores one job that sends its clock."""
    runner().run(queue.enqueue("clocked"))


@cache
def runner() -> asyncio.Runner:
    """One event loop for all submissions."""
    return asyncio.Runner()


async def _submit(jobs: int) -> None:
    for _ in range(jobs):
        await queue.enqueue("noop")
