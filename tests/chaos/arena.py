"""Where the chaos happens: a server of its own, a scheduler, a ledger, and workers to kill."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from rq import Queue
from rq.serializers import JSONSerializer

from chaos.points import WIRE
from jobyard.connection import connect
from jobyard.ids import new_id
from jobyard.settings import Settings
from jobyard.store import Store, calls
from support.builders import build_submission
from support.ledger import LEDGER_VARIABLE, Ledger
from support.processes import TESTS, Services
from support.servers import Engine, StoreServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from support.processes import Service
    from support.servers import RawClient

LEASE_SECONDS = 2
SLOTS = 2
CRASH_BUDGET = 2
TASK_MODULE = "chaos.tasks"
FUNCTIONS = "chaos.functions.*"
PATIENCE_SECONDS = float(os.environ.get("JOBYARD_CHAOS_PATIENCE", "120"))
"""After so long what has not ended counts as lost."""
RESCUE_SECONDS = LEASE_SECONDS + 5
"""What is promised: so long after a death, with no worker alive, all that it held waits again."""


class Arena:
    """One server and what runs on it. A context manager that leaves nothing behind."""

    def __init__(
        self,
        directory: Path,
        *,
        executor: str = "thread",
        engine: Engine = Engine.VALKEY,
        aof: bool = False,
        options: Mapping[str, str] | None = None,
        url: str = "",
    ) -> None:
        """``url`` is what the services are told, where it is not the server's own."""
        self.directory = directory
        self.executor = executor
        self.server = StoreServer(engine, aof=aof, options=options)
        self.ledger = Ledger(directory / "ledger")
        self._url = url
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self.server)
        self.store = open_store(self.server.url)
        self._stack.callback(self.store.close)
        self.client: RawClient = self._stack.enter_context(self.server.client())
        self.services = Services(self.directory, self._environment())
        self._stack.callback(self.services.end)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start_scheduler(self, **env: object) -> Service:
        """A scheduler that ticks."""
        scheduler = self.services.start("jobyard-scheduler", JOBYARD_NOTIFICATIONS="false", **env)
        scheduler.wait_for_log("scheduler.started")
        return scheduler

    def start_worker(self, *queues: str, **env: object) -> Service:
        """A worker; returns before it is ready."""
        return self.services.start("jobyard-worker", JOBYARD_QUEUES=",".join(queues), **env)

    def submit(self, task: str, queue: str, jobs: int = 1, **fields: Any) -> list[str]:
        """Submits jobs of one task; ``payload`` is a mapping. Returns their ids."""
        payload = json.dumps(fields.pop("payload", {})).encode()
        ids = [new_id() for _ in range(jobs)]
        for first in range(0, jobs, calls.BATCH):
            some = ids[first : first + calls.BATCH]
            self.store.run(
                calls.submit(
                    [
                        build_submission(id=it, task=task, queue=queue, payload=payload, **fields)
                        for it in some
                    ]
                )
            )
        return ids

    def enqueue(self, path: str, queue: str, **options: Any) -> str:
        """Enqueues one job with RQ's own code; returns its id."""
        where = Queue(queue, connection=self.client, serializer=JSONSerializer)
        return where.enqueue(path, **options).id

    def held(self, *queues: str) -> int:
        """Jobs of these queues that some worker holds."""
        wip = (self.store.keys.registry("wip", queue) for queue in queues)
        return sum(self.client.zcard(key) for key in wip)

    def ended(self, *queues: str) -> int:
        """Jobs of these queues that came to an end."""
        registries = ("finished", "failed", "canceled")
        keys = (self.store.keys.registry(name, queue) for queue in queues for name in registries)
        return sum(self.client.zcard(key) for key in keys)

    def stored(self, queue: str) -> list[str]:
        """Ids of all jobs that the queue ever had."""
        return [it.decode() for it in self.client.zrange(self.store.keys.jobs(queue), 0, -1)]

    def cancel(self, ids: Iterable[str]) -> None:
        """Asks jobs to cancel; those that ended stay as they are."""
        some = list(ids)
        if some:
            self.store.run(calls.cancel(some))

    def _environment(self) -> dict[str, str]:
        return {
            "JOBYARD_REDIS_URL": self._url or self.server.url,
            "JOBYARD_TASK_MODULES": TASK_MODULE,
            "JOBYARD_METRICS_PORT": "0",
            "JOBYARD_LOG_LEVEL": "info",
            "JOBYARD_EXECUTOR": self.executor,
            "JOBYARD_LEASE_SECONDS": str(LEASE_SECONDS),
            "JOBYARD_CONCURRENCY": str(SLOTS),
            "JOBYARD_CRASH_BUDGET": str(CRASH_BUDGET),
            "PYTHONPATH": python_path(),
            "JOBYARD_RQ_FUNCTIONS": FUNCTIONS,
            LEDGER_VARIABLE: str(self.ledger.path),
        }


def python_path() -> str:
    """The trip wire, ``support`` and the tasks; before them what this process was told itself."""
    own = os.environ.get("JOBYARD_CHAOS_SHADOW", "")
    return os.pathsep.join(filter(None, (own, str(WIRE), str(TESTS))))


def open_store(url: str) -> Store:
    """A client of the store for the harness itself."""
    settings = Settings.load(redis_url=url, _env_file=None)
    return Store(connect(settings), settings.keys)
