"""One executor at work, without a store: deliveries go in, settlements come out."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

from jobyard.follow_ups import FollowUps
from jobyard.ids import new_id
from jobyard.registry import discover
from jobyard.store.data import encode_data
from jobyard_worker.assembly import executor_of
from jobyard_worker.delivery import Delivery
from jobyard_worker.execution import Execution
from jobyard_worker.executors.isolated import Isolated
from jobyard_worker.executors.nursery import Nursery
from jobyard_worker.settings import WorkerSettings
from jobyard_worker.wake import Wake
from support.builders import build_claimed
from support.executor_tasks import MODULE
from support.waiting import wait_for

if TYPE_CHECKING:
    from jobyard.store.records.delivery import Settlement

QUEUE = "q"


class Executing:
    """Starts an executor of ``kind``; ``end`` kills its children."""

    def __init__(self, kind: str, **settings: Any) -> None:
        values = {"task_modules": (MODULE,), "queues": (QUEUE, "low"), **settings}
        self.settings = WorkerSettings.load(_env_file=None, executor=kind, **values)
        self.reported: list[Delivery] = []
        self.nursery = Nursery(kill_seconds=self.settings.kill_seconds, report=self.reported.append)
        registry = discover(self.settings.task_modules)
        execution = Execution(
            registry,
            Isolated(self.nursery),
            crash_budget=3,
            max_result_bytes=self.settings.max_result_bytes,
            report=self.reported.append,
            follow_ups=FollowUps(registry, self.settings),
        )
        self.executor = executor_of(self.settings, execution, self.nursery, Wake())
        self.executor.start()
        self._settled: dict[str, Settlement] = {}

    def submit(self, task: str, payload: dict[str, Any] | None = None, **job: Any) -> Delivery:
        """Submits one delivery."""
        delivery = build_delivery(task, payload, **job)
        self.executor.submit([delivery])
        return delivery

    def settled(self, delivery: Delivery, seconds: float = 60.0) -> Settlement:
        """How it ended; waits for it."""
        return wait_for(lambda: self.look(delivery), seconds, "the delivery never ended")

    def look(self, delivery: Delivery) -> Settlement | None:
        """How it ended; None when it has not."""
        for ended, settlement in self.executor.collect():
            assert ended.job.token not in self._settled, "a delivery ended twice"
            self._settled[ended.job.token] = settlement
        return self._settled.get(delivery.job.token)

    def run(self, task: str, payload: dict[str, Any] | None = None, **job: Any) -> Settlement:
        """Submits one delivery and waits for its end."""
        return self.settled(self.submit(task, payload, **job))

    def end(self) -> None:
        """Leaves no process behind."""
        with self.nursery.lock:
            for child in self.nursery.children:
                child.kill("over")
        wait_for(lambda: not self.nursery.children)


def build_delivery(task: str, payload: dict[str, Any] | None = None, **job: Any) -> Delivery:
    """A delivery of a job of ``task``, as a claim brings it."""
    data = encode_data(task, json.dumps(payload or {}).encode())
    values = {"queue": QUEUE, "data": data, "task": task, **job}
    return Delivery(build_claimed(new_id(), **values))


def is_alive(pid: int) -> bool:
    """Whether a process of that id exists and is no zombie."""
    with contextlib.suppress(OSError):
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    return False
