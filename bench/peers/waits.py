"""How long single jobs wait for their start on an idle system. The same loop for everybody."""

from __future__ import annotations

import random
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_WARM_JOBS = 20
_FIRST_SECONDS = 30.0
_PAUSE_SECONDS = (0.01, 0.03)
"""Long enough for the job's settlement and for the worker to fall asleep again; never in step
with anybody's polling."""


def waits(submit: Callable[[], object], jobs: int, clock: str) -> list[float]:
    """Milliseconds from before ``submit`` to the first line of the task.

    Args:
        submit: Stores a job whose task sends its clock to the socket.
        jobs: How many are measured, after a few that are not.
        clock: Path of the socket, which is made anew.
    """
    Path(clock).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(clock)
        receiver.settimeout(_FIRST_SECONDS)
        return [_wait(receiver, submit) for _ in range(jobs + _WARM_JOBS)][_WARM_JOBS:]


def _wait(receiver: socket.socket, submit: Callable[[], object]) -> float:
    time.sleep(random.uniform(*_PAUSE_SECONDS))
    before = time.monotonic_ns()
    submit()
    return (int.from_bytes(receiver.recv(8)) - before) / 1e6
