"""Tasks for the worker's own tests; ``support.worker_tasks`` in ``JOBYARD_TASK_MODULES``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

from jobyard import Context, RetryAfter, task
from support.ledger import append


@task
def return_pid() -> int:
    """The process that ran it."""
    return os.getpid()


@task(isolated=True)
def return_pid_isolated() -> int:
    """The process that ran it, which is a child."""
    return os.getpid()


@task
def can_fork() -> bool:
    """Whether this process could fork, or be told by a signal."""
    return hasattr(os, "fork") or hasattr(signal, "SIGALRM")


@task(isolated=True)
def can_fork_isolated() -> bool:
    """As ``can_fork``, in a child."""
    return hasattr(os, "fork") or hasattr(signal, "SIGALRM")


@task(isolated=True)
def isolated_journal(context: Context, line: str) -> str:
    """Prints, reports progress, leaves a line."""
    print("tasks may print")  # noqa: T201 - that is the point
    context.progress({"half": True})
    context.journal("isolated", line)
    return line


@task(isolated=True)
def isolated_sleeper(context: Context, seconds: float) -> None:
    """Sleeps without looking at anything; its start is on record."""
    append("start", context.job_id, context.token, context.attempt)
    time.sleep(seconds)
    append("end", context.job_id, context.token, context.attempt)


@task(isolated=True)
def isolated_failer() -> None:
    """Raises."""
    raise ValueError("failed in the child")


@task(isolated=True)
def isolated_crasher(context: Context) -> None:
    """Kills its own process."""
    append("start", context.job_id, context.token, context.attempt)
    os.kill(os.getpid(), signal.SIGKILL)


@task
def asks_again(context: Context) -> int:
    """Wants another attempt at once; returns the number of the last."""
    if not context.is_last_attempt:
        raise RetryAfter(0, reason="not yet")
    return context.attempt


@task(isolated=True)
def asks_again_isolated(context: Context) -> int:
    """The same, in a child."""
    return asks_again(context)


@task
def enqueuer(context: Context, fail: bool = False) -> str:
    """Enqueues one job, and returns its id unless it then fails."""
    job_id = context.enqueue("add", {"a": 2, "b": 3}, tags=["follow-up"])
    if fail:
        raise ValueError(job_id)
    return job_id


@task(isolated=True)
def enqueuer_isolated(context: Context, fail: bool = False) -> str:
    """The same, in a child."""
    return enqueuer(context, fail)


@task
def unstorable() -> object:
    """Returns what JSON cannot carry."""
    return object()


@task
def surrogate_error() -> None:
    """Raises a message that UTF-8 cannot carry."""
    raise ValueError("lone \ud800 surrogate")


@task
def leave() -> None:
    """Tries to end the process."""
    sys.exit("not from a task")


@task
def fork_holder(seconds: float) -> None:
    """Starts a process that inherits every pipe, and waits."""
    subprocess.Popen(["sleep", str(seconds)], close_fds=False)
    time.sleep(seconds)


@task
def report_often(context: Context, times: int) -> int:
    """Reports progress in a tight loop."""
    for step in range(times):
        context.progress(step)
    return times


@task
def thread_name() -> str:
    """The slot that ran it."""
    return threading.current_thread().name


@task
def order(context: Context, label: str) -> str:
    """Writes a line, so that the order of the runs is on record."""
    append("start", context.job_id, label, context.attempt)
    return label


@task(queue="elsewhere")
def queued_elsewhere() -> str:
    """Waits on a queue that no setting names."""
    return "found"
