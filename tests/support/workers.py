"""Workers of every kind: one for each executor, and one on a system that cannot fork."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.jobs import MODULES
from support.processes import TESTS

if TYPE_CHECKING:
    from pathlib import Path

    from support.processes import Service, Services

EXECUTORS = ("thread", "process", "asyncio")
WITHOUT_FORK = "thread without fork"

_SITE = """
import os, signal

for module, names in (
    (os, ("fork", "forkpty", "register_at_fork")),
    (signal, ("SIGALRM", "SIGUSR1", "SIGUSR2", "alarm", "setitimer", "getitimer", "pthread_kill")),
):
    for name in names:
        delattr(module, name)
"""


def start_worker(services: Services, kind: str = "thread", **env: object) -> Service:
    """Starts a worker of one of ``EXECUTORS``, or ``WITHOUT_FORK``, for the worker's own tests."""
    chosen = {"JOBYARD_TASK_MODULES": MODULES, "JOBYARD_EXECUTOR": kind}
    if kind == WITHOUT_FORK:
        path = _without_fork(services.directory)
        chosen |= {"JOBYARD_EXECUTOR": "thread", "PYTHONPATH": f"{path}:{TESTS}"}
        chosen["JOBYARD_KILL_SECONDS"] = "0.2"  # nothing interrupts a task there
    return services.start("jobyard-worker", **{**chosen, **env})


def _without_fork(directory: Path) -> Path:
    """A directory whose ``sitecustomize`` takes away, at each interpreter's start, what forks."""
    path = directory / "without-fork"
    path.mkdir(exist_ok=True)
    (path / "sitecustomize.py").write_text(_SITE)
    return path
