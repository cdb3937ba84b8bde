"""Dramatiq: one process of eight threads, on its Redis broker."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from peers import clock

PACKAGES = ("dramatiq", "redis", "hiredis", "gevent")
COMMANDS = {
    "threads": ["dramatiq", "-p", "1", "-t", "8", "peers.dramatiq"],
    "gevent": ["dramatiq-gevent", "-p", "1", "-t", "8", "peers.dramatiq"],
}
ENVIRONMENT = {"dramatiq_queue_prefetch": "200"}
FINISHED = ["DBSIZE"]
SETTINGS = """1 process, 8 threads, 200 messages read ahead, results on, the default middleware.
    Its own read-ahead (16), 1 000, and gevent are slower."""

broker = RedisBroker(url=os.environ["BENCH_URL"])
broker.add_middleware(Results(backend=RedisBackend(url=os.environ["BENCH_URL"])))
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name="bench", store_results=True)
def noop() -> None:
    """Nothing."""


@dramatiq.actor(queue_name="bench", store_results=True)
def clocked() -> None:
    """Sends its clock."""
    clock.stamp()


def submit(jobs: int) -> None:
    """Stores jobs that do nothing."""
    for _ in range(jobs):
        noop.send()


def stamp() -> None:
    """Stores one job that sends its clock."""
    clocked.send()
