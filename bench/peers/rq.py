"""RQ's SimpleWorker: the fastest that RQ has, without a fork a job."""

from __future__ import annotations

import os
from functools import cache

import redis
from rq import Queue
from rq.serializers import JSONSerializer

PACKAGES = ("rq", "redis", "hiredis")
COMMANDS = {
    "simple": [
        "rq", "worker", "bench", "-u", os.environ["BENCH_URL"], "--quiet",
        "-w", "rq.worker.SimpleWorker", "-S", "rq.serializers.JSONSerializer",
    ],
    "fork": [
        "rq", "worker", "bench", "-u", os.environ["BENCH_URL"], "--quiet",
        "-S", "rq.serializers.JSONSerializer",
    ],
}  # fmt: skip
FINISHED = ["ZCARD", "rq:finished:bench"]
SETTINGS = """SimpleWorker (one job at a time: RQ has no other way in one process), JSON serializer,
    results on, logs off. Its default worker forks for each job and is slower."""


def submit(jobs: int) -> None:
    """Stores jobs that do nothing."""
    queue().enqueue_many([Queue.prepare_data("peers.rq.noop") for _ in range(jobs)])


def stamp() -> None:
    """Stores one job that sends its clock."""
    queue().enqueue("peers.clock.stamp")


@cache
def queue() -> Queue:
    """The queue that the worker serves."""
    client = redis.Redis.from_url(os.environ["BENCH_URL"])
    return Queue("bench", connection=client, serializer=JSONSerializer)


def noop() -> None:
    """Nothing."""
