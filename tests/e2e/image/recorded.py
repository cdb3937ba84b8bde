"""Tasks that write each of their runs to a ledger, which is another server than the store."""

from __future__ import annotations

import os
import socket
import time
import zlib
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from jobyard import Context, task

if TYPE_CHECKING:
    from collections.abc import Iterator


@task
def recorded(context: Context, seconds: float = 0.0) -> float:
    """Sleeps for ``seconds``; start and end are on record."""
    with _recorded(context):
        time.sleep(seconds)
    return seconds


@contextmanager
def _recorded(context: Context) -> Iterator[None]:
    _append("start", context)
    yield
    _append("end", context)


def _append(event: str, context: Context) -> None:
    """One line as ``support.ledger.Entry`` has them; for a pid, a number of the pod's name."""
    pod = zlib.crc32(socket.gethostname().encode())
    line = f"{event} {context.job_id} {context.token} {context.attempt} {pod} {time.time_ns()}"
    _ledger().rpush("ledger", line)  # sent again after a lost reply: readers drop the second one


@cache
def _ledger() -> redis.Redis:
    return redis.Redis.from_url(
        os.environ["RECORDED_LEDGER_URL"],
        socket_timeout=10,
        retry=Retry(ExponentialBackoff(cap=2.0), 20),
    )
