"""Kills parts of the yard at the times that a scenario names, and writes each death down."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from loadlab.files import MARKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

KINDS = ("worker", "scheduler", "api", "store")


@dataclass(frozen=True, slots=True, order=True)
class Kill:
    """SIGKILL to the oldest process of a kind, ``second`` s after the run's start."""

    second: float
    kind: str

    @classmethod
    def parse(cls, text: str) -> Kill:
        """Reads ``worker@30``.

        Raises:
            ValueError: It is nothing like that.
        """
        kind, _, second = text.partition("@")
        if kind not in KINDS:
            raise ValueError(f"{text!r}: kill one of {', '.join(KINDS)}, as in worker@30")
        return cls(float(second), kind)


class Chaos:
    """A thread that kills; ``processes`` says whom."""

    def __init__(
        self,
        kills: Sequence[Kill],
        processes: Callable[[], Mapping[str, Sequence[psutil.Process]]],
        directory: Path,
    ) -> None:
        self._kills = sorted(kills)
        self._processes = processes
        self._path = directory / MARKS
        self._ending = threading.Event()

    def start(self, began: float) -> None:
        """Seconds count from ``began`` (Unix seconds)."""
        threading.Thread(target=self._run, args=(began,), name="chaos", daemon=True).start()

    def stop(self) -> None:
        """Kills no more."""
        self._ending.set()

    def _run(self, began: float) -> None:
        for kill in self._kills:
            if self._ending.wait(max(0.0, began + kill.second - time.time())):
                return
            self._kill(kill)

    def _kill(self, kill: Kill) -> None:
        for process in self._processes().get(kill.kind, ())[:1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
                self._mark(f"SIGKILL {kill.kind} (pid {process.pid})")

    def _mark(self, text: str) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps({"at": time.time(), "text": text}) + "\n")
