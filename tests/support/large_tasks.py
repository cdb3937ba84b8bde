"""Tasks that take and return much; ``support.large_tasks`` in ``JOBYARD_TASK_MODULES``."""

from __future__ import annotations

import hashlib
import random
from typing import Any

from jobyard import Context, task

MODULE = "support.large_tasks"


def noise(size: int) -> str:
    """The same text of so many bytes each time; zlib makes it half as long, no less."""
    return random.Random(size).randbytes(size // 2).hex()


def _answer(text: str, size: int) -> dict[str, str]:
    return {"digest": hashlib.sha256(text.encode()).hexdigest(), "text": noise(size)}


@task
def enlarge(text: str, size: int) -> dict[str, str]:
    """What it was given, as a digest, and so many bytes."""
    return _answer(text, size)


@task
async def enlarge_async(text: str, size: int) -> dict[str, str]:
    """The same on the event loop."""
    return _answer(text, size)


@task(isolated=True)
def enlarge_isolated(text: str, size: int) -> dict[str, str]:
    """The same in a child."""
    return _answer(text, size)


@task(retry=5)
def enqueue_large(context: Context, size: int) -> str:
    """A job with a payload of so many bytes follows; returns its id."""
    return context.enqueue("enlarge", _payload(size))


def _payload(size: int) -> dict[str, Any]:
    return {"text": noise(size), "size": 1_000}
