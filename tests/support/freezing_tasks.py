"""Lets a test freeze the main thread of a worker: its signal handler waits until a file is there.

Only for workers that are told the file in ``GATE``; importing it anywhere else changes nothing.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

GATE = "JOBYARD_TEST_FREEZE_GATE"
FREEZE = getattr(signal, "SIGRTMIN", signal.SIGTERM)


def _wait_for_gate(*_: object) -> None:
    gate = Path(os.environ[GATE])
    while not gate.exists():
        time.sleep(0.02)


if GATE in os.environ and threading.current_thread() is threading.main_thread():
    signal.signal(FREEZE, _wait_for_gate)
