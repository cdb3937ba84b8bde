"""Plain functions, as RQ's users enqueue them; each writes its start and its end to the ledger."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rq import get_current_job

from support.ledger import append

if TYPE_CHECKING:
    from collections.abc import Iterator


def succeed() -> str:
    """Ends well."""
    with _recorded():
        return "done"


def fail() -> None:
    """Raises."""
    with _recorded():
        raise RuntimeError("failed on purpose")


def fail_once() -> str:
    """Raises in the first run that comes to its end."""
    job = get_current_job()
    assert job is not None
    with _recorded():
        if not job.connection.exists(f"{job.key}:failed"):
            job.connection.set(f"{job.key}:failed", 1, ex=600)
            raise RuntimeError("the first run fails on purpose")
    return "done"


@contextmanager
def _recorded() -> Iterator[None]:
    job = get_current_job()
    assert job is not None
    client: Any = job.connection
    token = client.hget(job.key, "token").decode()
    append("start", job.id, token, 1)
    try:
        yield
    finally:
        append("end", job.id, token, 1)
