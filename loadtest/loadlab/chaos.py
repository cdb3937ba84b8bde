"""Kills and freezes parts of the yard when a scenario says so, and writes each blow down."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING

import psutil

from loadlab.files import MARKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from loadlab.blows import Blow


class Chaos:
    """A thread of its own; ``processes`` says whom it may strike."""

    def __init__(
        self,
        blows: Sequence[Blow],
        processes: Callable[[], Mapping[str, Sequence[psutil.Process]]],
        directory: Path,
    ) -> None:
        self._blows = sorted(blows, key=lambda blow: blow.second)
        self._processes = processes
        self._path = directory / MARKS
        self._ending = threading.Event()

    def start(self, began: float) -> None:
        """Seconds count from ``began`` (Unix seconds)."""
        threading.Thread(target=self._run, args=(began,), name="chaos", daemon=True).start()

    def stop(self) -> None:
        """Strikes no more."""
        self._ending.set()

    def _run(self, began: float) -> None:
        for blow in self._blows:
            if self._ending.wait(max(0.0, began + blow.second - time.time())):
                return
            for process in self._processes().get(blow.kind, ())[:1]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    self._strike(process, blow)

    def _strike(self, process: psutil.Process, blow: Blow) -> None:
        if blow.freeze_seconds is None:
            process.kill()
            self._mark(f"{blow.kind} killed (pid {process.pid})")
            return
        process.suspend()
        self._mark(f"{blow.kind} frozen for {blow.freeze_seconds:g} s (pid {process.pid})")
        self._ending.wait(blow.freeze_seconds)
        process.resume()

    def _mark(self, text: str) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps({"at": time.time(), "text": text}) + "\n")
