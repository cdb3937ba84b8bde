"""Tasks that executors are tested with; gates are files, as a task may run in any process."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from jobyard import Context, task

MODULE = "support.executor_tasks"


@task
def quick(number: int = 0) -> int:
    """Returns what it is given."""
    return number


@task
async def quick_async(number: int = 0) -> int:
    """Returns what it is given, after a moment."""
    await asyncio.sleep(0)
    return number


@task
def whereabouts() -> int:
    """The process that ran it."""
    return os.getpid()


@task(isolated=True)
def whereabouts_apart() -> int:
    """The process that ran it, which no other job saw."""
    return os.getpid()


@task
def fail_here(words: str) -> None:
    """Raises."""
    raise LookupError(words)


@task
def leave_early() -> None:
    """Tries to end the process the polite way."""
    sys.exit("not from a task")


@task
def report_and_line(context: Context) -> str:
    """Reports progress, prints, leaves a line."""
    context.progress({"half": True})
    print("tasks may print")  # noqa: T201 - that is the point
    context.journal("notes", "a line")
    return context.token


@task
def die(how: str, path: str = "") -> None:
    """Ends the process the hard way."""
    if path:
        Path(path).touch()
    match how:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(7)
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "close":
            os.closerange(3, 256)
            time.sleep(60)
        case _:
            if os.fork() == 0:  # the copy holds the pipes open
                time.sleep(60)
            os._exit(3)


@task
def wait_for_gate(path: str, started: str = "") -> str:
    """Blocks until the file is there."""
    if started:
        Path(started).touch()
    while not Path(path).exists():
        time.sleep(0.01)
    return "open"


@task
async def wait_for_gate_async(path: str, started: str = "") -> str:
    """Waits until the file is there."""
    if started:
        Path(started).touch()  # noqa: ASYNC240 - a moment
    while not Path(path).exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
        await asyncio.sleep(0.01)
    return "open"


@task
def clean_up(started: str, cleaned: str) -> None:
    """Sleeps; what it does at its end is on record."""
    Path(started).touch()
    try:
        time.sleep(60)
    finally:
        Path(cleaned).touch()


@task
async def clean_up_async(started: str, cleaned: str) -> None:
    """As ``clean_up``."""
    Path(started).touch()  # noqa: ASYNC240 - a moment
    try:
        await asyncio.sleep(60)
    finally:
        Path(cleaned).touch()  # noqa: ASYNC240


@task
def look_and_wait(context: Context, started: str) -> None:
    """Waits in a way that sees cancel and deadline."""
    Path(started).touch()
    context.sleep(60)


@task
def hold_interpreter(started: str) -> None:
    """Sleeps in C and never gives the interpreter away: no signal handler of Python's runs."""
    Path(started).touch()
    ctypes.PyDLL(None).usleep(ctypes.c_uint(60_000_000))


@task
async def cancel_itself() -> str:
    """Asks its event loop to cancel it, and returns before it is."""
    running = asyncio.current_task()
    assert running is not None
    running.cancel()
    return "done"


@task
async def swallow(gate: str, started: str, told: str) -> str:
    """Does not end when it is cancelled, but when the gate is open."""
    Path(started).touch()  # noqa: ASYNC240 - a moment
    while not Path(gate).exists():  # noqa: ASYNC240
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            Path(told).touch()  # noqa: ASYNC240
    return "finished all the same"


@task
async def block_loop(seconds: float) -> None:
    """What an ``async def`` function must not do."""
    time.sleep(seconds)  # noqa: ASYNC251 - that is the point


@task
def hoard(megabytes: int) -> int:
    """Keeps memory; returns the process that does."""
    _HOARD.append(b"x" * (megabytes * 1024 * 1024))
    return os.getpid()


_HOARD: list[bytes] = []


@task
def twins() -> int:
    """Forks, and both go on as if nothing had happened; only the first may answer."""
    os.fork()
    return os.getpid()


@task
def start_daemon() -> int:
    """Leaves a process behind; returns its id."""
    return subprocess.Popen(["sleep", "60"]).pid


@task
def echo_text(text: str) -> str:
    """Returns a text of any size."""
    return text
