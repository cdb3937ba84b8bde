"""Huey: one consumer process of eight threads, on Redis."""

from __future__ import annotations

import os

if os.environ["BENCH_WAY"] == "greenlets":
    from gevent import monkey

    monkey.patch_all()

from huey import RedisHuey

from peers import clock

PACKAGES = ("huey", "redis", "hiredis", "gevent")
_CONSUMER = ["huey_consumer", "peers.huey.huey", "-q", "-w", "8", "-n", "-k"]
COMMANDS = {"threads": [*_CONSUMER, "thread"], "greenlets": [*_CONSUMER, "greenlet"]}
FINISHED = ["HLEN", "huey.results.bench"]
SETTINGS = """8 threads, blocking reads, results on (also None), no periodic tasks, logs
    off. Greenlets are slower."""

huey = RedisHuey("bench", url=os.environ["BENCH_URL"], store_none=True)


@huey.task()
def noop() -> None:
    """Nothing."""


@huey.task()
def clocked() -> None:
    """Sends its clock."""
    clock.stamp()


def submit(jobs: int) -> None:
    """Stores jobs that do nothing."""
    for _ in range(jobs):
        noop()


def stamp() -> None:
    """Stores one job that sends its clock."""
    clocked()
