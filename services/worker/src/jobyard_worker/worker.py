"""``Worker``: our main loop behind the face of RQ's worker, so that RQ's tools see and start it.

Used by ``jobyard-worker`` and by ``rq worker -w jobyard_worker.Worker``. The only module of this
package that touches RQ and its connection.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import redis
from rq import worker_registration
from rq.serializers import JSONSerializer
from rq.utils import now
from rq.worker import BaseWorker, DequeueStrategy, WorkerStatus

from jobyard.catalogue import record_of
from jobyard.connection import connect
from jobyard.errors import ConfigurationError
from jobyard.observability.logging import configure_logging, get_logger
from jobyard.registry import discover
from jobyard.store import Store, calls
from jobyard.store.front import translate
from jobyard_worker.assembly import assemble
from jobyard_worker.identity import new_worker_name
from jobyard_worker.keeping import Keeping
from jobyard_worker.loop import Loop
from jobyard_worker.settings import WorkerSettings
from jobyard_worker.signals import StopSignals
from jobyard_worker.wake import Wake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobyard.registry import Registry

_log = get_logger(__name__)


class Worker(BaseWorker):
    """An RQ worker that claims, runs and settles in batches, under a lease with a token."""

    def __init__(
        self,
        queues: Any,
        name: str | None = None,
        *,
        settings: WorkerSettings | None = None,
        prepare_for_work: bool = True,
        serializer: Any = None,
        **options: Any,
    ) -> None:
        """As RQ's; RQ's command line and ``Worker.all`` call it too.

        Args:
            queues: Queue names, or RQ's queues, in order.
            name: The name under the first lease; later ones get names of their own.
            settings: Read from the environment when ``work`` is called without.
            prepare_for_work: False for a view of another process's worker.
            serializer: RQ's; JSON unless another one is named.
            **options: RQ's other options.
        """
        super().__init__(
            queues,
            name=name or new_worker_name(),
            prepare_for_work=False,
            serializer=serializer or JSONSerializer,
            **options,
        )
        self._settings = settings
        self._is_registered_once = False
        if prepare_for_work:
            self.hostname, self.pid = socket.gethostname(), os.getpid()

    def work(  # type: ignore[explicit-override]  # noqa: PLR0917 - RQ's signature
        self,
        burst: bool = False,
        logging_level: str | None = None,  # noqa: ARG002 - as above
        date_format: str = "",  # noqa: ARG002
        log_format: str = "",  # noqa: ARG002
        max_jobs: int | None = None,
        max_idle_time: int | None = None,
        with_scheduler: bool = False,
        dequeue_strategy: DequeueStrategy = DequeueStrategy.DEFAULT,
    ) -> bool:
        """Works until it is told to stop, or, in burst mode, until the queues are empty.

        The formats and the level of RQ's logs say nothing here: ``JOBYARD_LOG_FORMAT`` and
        ``JOBYARD_LOG_LEVEL`` do.

        Returns:
            Whether any job ended here.

        Raises:
            ConfigurationError: A setting is wrong, or an option of RQ's has no meaning here.
        """
        _refuse(max_jobs=max_jobs, max_idle_time=max_idle_time, with_scheduler=with_scheduler)
        if dequeue_strategy != DequeueStrategy.DEFAULT:
            raise ConfigurationError("dequeue_strategy: this worker serves its queues in order.")
        settings = self._settings or self._settings_of_rq()
        wake = Wake()
        keeping, signals = Keeping(settings, wake), StopSignals()
        return self.serve(settings, keeping, wake, signals, burst=burst)

    def serve(
        self,
        settings: WorkerSettings,
        keeping: Keeping,
        wake: Wake,
        signals: StopSignals,
        *,
        burst: bool = False,
    ) -> bool:
        """As ``work``, with a keeper and handlers of signals that were started before."""
        registry = discover(settings.task_modules)
        settings = settings.with_queues_of(registry)
        self._set_queues(settings.queues)
        store = Store(connect(settings), settings.keys)
        parts = assemble(settings, registry, store, keeping, wake)
        loop = Loop(parts, settings, lambda: self._join(settings, registry, store))
        if burst:
            loop.stop_when_idle()
        signals.pass_to(loop.ask_to_stop)
        loop.run()
        signals.ignore()
        _log.info("worker.stopped", worker=self.name, finished=loop.finished)
        if loop.has_running_jobs:
            _leave_at_once()
        store.close()
        return loop.finished > 0

    def _set_queues(self, names: Sequence[str]) -> None:
        """What RQ's tools are told that this worker serves."""
        self.queues = [
            self.queue_class(
                name, self.connection, job_class=self.job_class, serializer=self.serializer
            )
            for name in names
        ]

    def _join(self, settings: WorkerSettings, registry: Registry, store: Store) -> str:
        """Begins a lease; each has a name of its own, so that nothing late meets the next one."""
        if self._is_registered_once:
            self.name = new_worker_name()
        records = [record_of(task, settings) for task in registry.tasks()]
        store.run(calls.publish_tasks(records))
        store.run(
            calls.join(
                self.name,
                pool=settings.pool,
                slots=settings.concurrency,
                lease_seconds=settings.lease_seconds,
            )
        )
        self._register(store)
        self._is_registered_once = True
        _log.info(
            "worker.started",
            worker=self.name,
            queues=",".join(settings.queues),
            pool=settings.pool,
            slots=settings.concurrency,
            tasks=len(records),
        )
        return self.name

    def _register(self, store: Store) -> None:
        """What RQ's ``register_birth`` writes, in one step that may be repeated."""
        self.birth_date = self.last_heartbeat = now()
        record = {**self.serialize(), "state": WorkerStatus.IDLE.value}
        try:
            with store.client.pipeline() as pipeline:
                pipeline.delete(self.key)
                pipeline.hset(self.key, mapping=record)
                worker_registration.register(self, pipeline)
                pipeline.expire(self.key, self.worker_ttl + 60)
                pipeline.execute()
        except redis.RedisError as error:
            raise translate(error) from error

    def _settings_of_rq(self) -> WorkerSettings:
        """Settings where RQ's command line chose the server and the queues."""
        url = _url_of(self.connection)
        settings = WorkerSettings.load(queues=tuple(self.queue_names()), redis_url=url)
        configure_logging("worker", settings)
        return settings

    def _set_connection(  # type: ignore[explicit-override]  # typing.override comes with 3.12
        self, connection: redis.Redis
    ) -> redis.Redis:
        """RQ would raise the socket's timeout to minutes; the main loop has its own connection."""
        return connection


def _refuse(**options: object) -> None:
    for name, value in options.items():
        if value:
            raise ConfigurationError(f"{name} has no meaning for this worker: leave it out.")


def _url_of(connection: redis.Redis) -> str:
    """The URL of the server that ``connection`` is made for."""
    pool = connection.connection_pool
    options = pool.connection_kwargs
    user, password = options.get("username") or "", options.get("password") or ""
    who = f"{quote(user, safe='')}:{quote(password, safe='')}@" if password else ""
    database = options.get("db") or 0
    if options.get("path"):
        return f"unix://{who}{options['path']}?db={database}"
    scheme = "rediss" if issubclass(pool.connection_class, redis.SSLConnection) else "redis"
    host, port = options.get("host", "127.0.0.1"), options.get("port", 6379)
    return f"{scheme}://{who}{host}:{port}/{database}"


def _leave_at_once() -> None:
    """No thread may go on with a job that was given back."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
