"""Celery: one worker process, on Redis as broker and for results."""

from __future__ import annotations

import os

import celery

from peers import clock

PACKAGES = ("celery", "kombu", "redis", "hiredis", "gevent")
_WORKER = [
    "celery", "-A", "peers.celery", "worker", "-Q", "bench", "-l", "ERROR",
    "--without-gossip", "--without-mingle", "--without-heartbeat", "-P",
]  # fmt: skip
COMMANDS = {
    "solo": [*_WORKER, "solo"],
    "threads": [*_WORKER, "threads", "-c", "8"],
    "prefork": [*_WORKER, "prefork", "-c", "1"],
    "gevent": [*_WORKER, "gevent", "-c", "8"],
}
FINISHED = ["DBSIZE"]
SETTINGS = """results on, no gossip, mingle, heartbeat or rate limits, prefetch 64, early
    acknowledgement (its default), JSON. Threads, gevent and one forked child are slower."""

app = celery.Celery("bench", broker=os.environ["BENCH_URL"], backend=os.environ["BENCH_URL"])
app.conf.update(
    task_default_queue="bench",
    worker_prefetch_multiplier=64,
    worker_disable_rate_limits=True,
    broker_connection_retry_on_startup=True,
    worker_enable_remote_control=False,
)


@app.task(name="noop")
def noop() -> None:
    """Nothing."""


@app.task(name="clocked")
def clocked() -> None:
    """Sends its clock."""
    clock.stamp()


def submit(jobs: int) -> None:
    """Stores jobs that do nothing."""
    for _ in range(jobs):
        noop.delay()


def stamp() -> None:
    """Stores one job that sends its clock."""
    clocked.delay()
