"""Looks at queues, workers and processes once a second and writes down what it saw."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil

from loadlab.files import SAMPLES
from loadlab.store_memory import used_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from loadlab.api import Api

PERIOD_SECONDS = 1.0
_REST_SAMPLES = 5


class Sampler:
    """A thread of its own; ``latest`` is what it saw last."""

    def __init__(
        self,
        api: Api,
        processes: Callable[[], Mapping[str, Sequence[psutil.Process]]],
        directory: Path,
    ) -> None:
        self._api = api
        self._processes = Processes(processes)
        self._path = directory / SAMPLES
        self._ending = threading.Event()
        self.latest: dict[str, Any] = {}
        self._rests_for = 0

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing waited and nothing ran the last times it looked."""
        return self._rests_for >= _REST_SAMPLES

    def start(self) -> None:
        """Begins."""
        threading.Thread(target=self._run, name="sampler", daemon=True).start()

    def stop(self) -> None:
        """Looks no more."""
        self._ending.set()

    def _run(self) -> None:
        with self._path.open("a", buffering=1) as file:
            while not self._ending.wait(PERIOD_SECONDS - time.time() % PERIOD_SECONDS):
                self.latest = self._sample()
                self._rests_for = self._rests_for + 1 if _rests(self.latest["queues"]) else 0
                file.write(json.dumps(self.latest) + "\n")

    def _sample(self) -> dict[str, Any]:
        return {
            "at": time.time(),
            "queues": _queues(self._api.read("/v1/queues")),
            "workers": _workers(self._api.read("/v1/workers")),
            "processes": self._processes.sample(),
        }


class Processes:
    """Memory and processor time of each process, the latter since the last look."""

    def __init__(self, find: Callable[[], Mapping[str, Sequence[psutil.Process]]]) -> None:
        self._find = find
        self._known: dict[int, psutil.Process] = {}

    def sample(self) -> list[dict[str, Any]]:
        """One record a process that lives."""
        found = [(kind, process) for kind, each in self._find().items() for process in each]
        self._known = {process.pid: self._known.get(process.pid, process) for _, process in found}
        samples = (self._sample_of(kind, self._known[process.pid]) for kind, process in found)
        return [sample for sample in samples if sample]

    def _sample_of(self, kind: str, process: psutil.Process) -> dict[str, Any] | None:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            sample: dict[str, Any] = {
                "kind": kind,
                "pid": process.pid,
                "rss": process.memory_info().rss,
                "cpu_percent": process.cpu_percent(),
            }
            if kind == "store" and (used := used_memory(process)) is not None:
                sample["used_memory"] = used
        except psutil.Error:
            return None
        return sample


def _queues(answer: dict[str, Any] | None) -> dict[str, Any] | None:
    """What waits and runs in all queues, and the oldest age; None when nobody answered."""
    if answer is None:
        return None
    queues = answer["queues"]
    names = ("queued", "running", "scheduled", "failed")
    sums = {name: sum(queue[name] or 0 for queue in queues) for name in names}
    ages = [queue["oldest_age_seconds"] or 0.0 for queue in queues]
    return {**sums, "oldest_age_seconds": max(ages, default=0.0)}


def _rests(queues: dict[str, Any] | None) -> bool:
    return queues is not None and not any(
        queues[name] for name in ("queued", "running", "scheduled")
    )


def _workers(answer: dict[str, Any] | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    workers = answer["workers"]
    states = [worker["state"] for worker in workers]
    return {
        "all": len(workers),
        "busy": states.count("busy"),
        "slots": sum(worker["slots"] for worker in workers),
        "busy_slots": sum(worker["busy"] for worker in workers),
    }
