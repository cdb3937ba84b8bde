"""Tasks and a plain function that log in every way there is."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from pathlib import Path

import structlog

from jobyard import Context, task

MODULE = "support.logging_tasks"
FUNCTION = f"{MODULE}.say_as_rq"
WAYS = ("context", "structlog", "standard library")


def say(word: str) -> None:
    """Logs as code does that knows nothing of jobs."""
    structlog.get_logger("some.code").info("said", way="structlog", word=word)
    logging.getLogger("some.library").info("said", extra={"way": "standard library", "word": word})


@task
def say_all(context: Context, word: str) -> None:
    """Logs in each of ``WAYS``."""
    context.log.info("said", way="context", word=word)
    say(word)


@task(isolated=True)
def say_all_isolated(context: Context, word: str) -> None:
    """The same, in a child."""
    say_all(context, word)


@task
async def say_all_async(context: Context, word: str, times: int = 20) -> None:
    """The same, many times, while other jobs take turns; the last words come from a thread."""
    for _ in range(times):
        say_all(context, word)
        await asyncio.sleep(0.001)
    await asyncio.to_thread(say_all, context, word)


def say_as_rq(word: str) -> None:
    """What plain RQ code enqueues."""
    say(word)


@task
def fail_quietly(secret: str) -> None:
    """Fails with a message that does not name what it was given."""
    values = [secret]
    raise LookupError(len(values))


@task(isolated=True)
def die_quietly(secret: str) -> None:
    """Kills its own process."""
    os.kill(os.getpid(), signal.SIGKILL if secret else 0)


def fail_as_rq(secret: str) -> None:
    """What plain RQ code enqueues, and fails."""
    fail_quietly(secret)


@task
def return_it(secret: str) -> str:
    """Returns what it is given."""
    return secret


@task(log_payload=True, log_result=True)
def show_it(word: str) -> str:
    """Returns what it is given, and everybody may see it."""
    return word


@task
def whisper_until(started: str, gate: str) -> None:
    """Logs at debug until the gate is open."""
    while not Path(gate).exists():
        logging.getLogger("some.library").debug("whispered")
        Path(started).touch()
        time.sleep(0.01)


@task(isolated=True)
def whisper_isolated(word: str) -> None:
    """Logs at debug, in a child."""
    logging.getLogger("some.library").debug("whispered", extra={"word": word})


@task
def crowd(word: str, times: int) -> None:
    """Logs many long lines."""
    for _ in range(times):
        logging.getLogger("some.library").info("crowded", extra={"filler": word * 3_000})
