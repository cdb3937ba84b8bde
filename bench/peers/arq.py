"""arq: one event loop."""

from __future__ import annotations

import asyncio
import os
from functools import cache
from typing import Any, ClassVar

import uvloop
from arq import create_pool
from arq.connections import ArqRedis, RedisSettings

from peers import clock

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

PACKAGES = ("arq", "redis", "hiredis", "uvloop")
COMMANDS = {"asyncio": ["arq", "peers.arq.WorkerSettings"]}
FINISHED = ["ZCARD", "arq:queue"]
COUNTS_WAITING = True
SETTINGS = """up to 100 jobs at once, uvloop, results on, polls every 10 ms, reads 5 000 ids a
    poll, logs off. 10 at once are as quick, 500 are slower."""


async def noop(_: Any) -> None:
    """Nothing."""


async def clocked(_: Any) -> None:
    """Sends its clock."""
    clock.stamp()


class WorkerSettings:
    """What arq's command line reads."""

    functions: ClassVar = [noop, clocked]
    redis_settings = RedisSettings.from_dsn(os.environ["BENCH_URL"])
    max_jobs = 100
    poll_delay = 0.01
    queue_read_limit = 5000
    log_results = False


def submit(jobs: int) -> None:
    """Stores jobs that do nothing."""
    runner().run(_submit(pool(), jobs))


def stamp() -> None:
    """Stores one job that sends its clock."""
    runner().run(pool().enqueue_job("clocked"))


@cache
def runner() -> asyncio.Runner:
    """One event loop for all submissions."""
    return asyncio.Runner()


@cache
def pool() -> ArqRedis:
    """One pool of connections for all submissions."""
    return runner().run(create_pool(WorkerSettings.redis_settings))


async def _submit(queue: ArqRedis, jobs: int) -> None:
    for _ in range(jobs):
        await queue.enqueue_job("noop")
