"""``Worker``: our main loop behind the face of RQ's worker, so that RQ's tools see and start it.

Used by ``jobyard-worker`` and by ``rq worker -w jobyard_worker.Worker``. The only module of this
package that touches RQ and its connection.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import redis
from rq import worker_registration
from rq.utils import now
from rq.worker import BaseWorker, DequeueStrategy, WorkerStatus

from jobyard.connection import connect
from jobyard.errors import ConfigurationError
from jobyard.observability.endpoint import metrics_served
from jobyard.observability.followed_level import level_followed
from jobyard.observability.health import health_pages
from jobyard.observability.log_level import Service
from jobyard.observability.logging import configure_logging, get_logger
from jobyard.observability.tracing import sent, start_tracing
from jobyard.registry import discover
from jobyard.store import Store, calls
from jobyard.store.front import translate
from jobyard.store.log_level_calls import level_reader
from jobyard.store.records.oversight import ENGINE
from jobyard_worker.assembly import assemble, traces_of
from jobyard_worker.curfew import Curfew
from jobyard_worker.deletion_cost import DeletionCost
from jobyard_worker.health import Health
from jobyard_worker.identity import new_worker_name
from jobyard_worker.job_metrics import JobMetrics, sources_of
from jobyard_worker.keeping import Keeping
from jobyard_worker.loop import Loop
from jobyard_worker.pod import Pod
from jobyard_worker.publisher import introduce
from jobyard_worker.rqjobs import options
from jobyard_worker.rqjobs.address import address_of
from jobyard_worker.rqjobs.handlers import Handlers
from jobyard_worker.settings import WorkerSettings
from jobyard_worker.shift import Shift
from jobyard_worker.signals import StopSignals
from jobyard_worker.wake import Wake

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from jobyard.registry import Registry
    from jobyard_worker.rqjobs.terms import Terms

_log = get_logger(__name__)

_FOR_EVER = Shift()

_SWITCH_SECONDS = 0.0005
"""How long a slot may keep the interpreter lock from the main loop and the settler, when they come
back from the store. With Python's 5 ms they wait while the slots use up what was claimed ahead, and
then the slots wait for them: quick jobs a second were 10 to 15 % less (``bench/worker.py``)."""


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
        **others: Any,
    ) -> None:
        """As RQ's; RQ's command line and ``Worker.all`` call it too.

        Args:
            queues: Queue names, or RQ's queues, in order.
            name: The name under the first lease; later ones get names of their own.
            settings: Read from the environment when ``work`` is called without.
            prepare_for_work: False for a view of another process's worker.
            serializer: RQ's; JSON unless another one is named.
            **others: RQ's other options.
        """
        super().__init__(
            queues,
            name=name or new_worker_name(),
            prepare_for_work=False,
            serializer=options.serializer_of(serializer),
            **others,
        )
        self._settings = settings
        self._is_registered_once = False
        self._kept: dict[str, int] = {}
        if prepare_for_work:
            self.hostname, self.pid = socket.gethostname(), os.getpid()

    def work(  # type: ignore[explicit-override]  # noqa: PLR0917 - RQ's signature
        self,
        burst: bool = False,
        logging_level: str | None = None,
        date_format: str = "",
        log_format: str = "",
        max_jobs: int | None = None,
        max_idle_time: int | None = None,
        with_scheduler: bool = False,
        dequeue_strategy: DequeueStrategy = DequeueStrategy.DEFAULT,
    ) -> bool:
        """Works until it is told to stop, or as long as the options of RQ's command line say.

        Returns:
            Whether any job ended here.

        Raises:
            SystemExit: A setting is wrong or an option is refused; its text is one line that says
                which and why.
        """
        shift = Shift(burst=burst, max_jobs=max_jobs, max_idle_seconds=max_idle_time)
        try:
            settings = self._settings or self._settings_of_rq(logging_level, dequeue_strategy)
            options.refuse(
                self,
                date_format=date_format,
                log_format=log_format,
                lease_seconds=settings.lease_seconds,
            )
            terms = options.terms_of_rq(self, settings, with_scheduler=with_scheduler)
            self._kept = {"worker_ttl": self.worker_ttl}
            self._refuse_second_of_name(settings)
            wake = Wake()
            keeping, signals = Keeping(settings, wake), StopSignals()
            return self.serve(settings, keeping, wake, signals, terms=terms, shift=shift)
        except ConfigurationError as error:
            raise SystemExit(f"rq worker: {error}") from None

    def serve(
        self,
        settings: WorkerSettings,
        keeping: Keeping,
        wake: Wake,
        signals: StopSignals,
        *,
        terms: Terms | None = None,
        shift: Shift = _FOR_EVER,
    ) -> bool:
        """As ``work``, with a keeper and handlers of signals that were started before."""
        sys.setswitchinterval(_SWITCH_SECONDS)
        terms = terms or options.terms_of(settings)
        registry = discover(settings.task_modules)
        settings = settings.with_queues_of(registry)
        self._set_queues(settings.queues)
        store = Store(connect(settings), settings.keys)
        tracer = start_tracing("worker")
        traces = traces_of(tracer)
        handlers = Handlers(settings, terms, traces)
        jobs = JobMetrics(registry.by_name)
        parts = assemble(
            settings,
            registry,
            store,
            keeping,
            wake,
            handlers.rider,
            jobs,
            peeks=terms.is_of_rq,
            traces=traces,
        )
        loop = Loop(parts, settings, lambda: self._join(settings, registry, store, handlers), shift)
        sources = sources_of(jobs, settings, loop, parts.link)
        health = Health(loop, parts.link, settings)
        pages = health_pages(health.live, health.ready)
        served = metrics_served(settings.metrics_host, settings.metrics_port, sources, pages)
        handlers.start(loop.ask_to_stop)
        signals.pass_to(loop.ask_to_stop)
        followed = level_followed(settings.log_level, level_reader(store, Service.WORKER))
        cost = _deletion_cost_of(settings, loop)
        with Curfew(signals, settings.grace_seconds), sent(tracer), served, followed, cost:
            loop.run()
        signals.ignore()
        if not loop.has_running_jobs:
            handlers.stop()
        _log.info("worker.stopped", worker=self.name, finished=loop.finished)
        if loop.has_running_jobs:
            _leave_at_once()
        store.close()
        return loop.finished > 0

    def _refuse_second_of_name(self, settings: WorkerSettings) -> None:
        """Two workers of one name would give back each other's jobs."""
        try:
            lease = self.connection.zscore(settings.keys.lease(), self.name)
        except redis.RedisError:
            return  # the main loop waits for the store
        if lease is not None:
            raise ConfigurationError(
                f"--name {self.name}: a worker of that name holds a lease. Choose another name, or "
                f"wait for {settings.lease_seconds:g} s if it died."
            )

    def _set_queues(self, names: Sequence[str]) -> None:
        """What RQ's tools are told that this worker serves."""
        self.queues = [
            self.queue_class(
                name, self.connection, job_class=self.job_class, serializer=self.serializer
            )
            for name in names
        ]

    def _join(
        self, settings: WorkerSettings, registry: Registry, store: Store, handlers: Handlers
    ) -> str:
        """Begins a lease; each has a name of its own, so that nothing late meets the next one."""
        if self._is_registered_once:
            self.name = new_worker_name()
        introduce(self.name, settings, registry, store, slots=settings.concurrency)
        self._register(store)
        _report_stock_workers(store)
        self._is_registered_once = True
        handlers.listen_as(self.name)
        _log.info(
            "worker.started",
            worker=self.name,
            queues=",".join(settings.queues),
            pool=settings.pool,
            slots=settings.concurrency,
            tasks=len(registry.by_name),
        )
        return self.name

    def _register(self, store: Store) -> None:
        """What RQ's ``register_birth`` writes, in one step that may be repeated."""
        self.birth_date = self.last_heartbeat = now()
        about = {"state": WorkerStatus.IDLE.value, "engine": ENGINE, **self._kept}
        record = {**self.serialize(), **about}
        try:
            with store.client.pipeline() as pipeline:
                pipeline.delete(self.key)
                pipeline.hset(self.key, mapping=record)
                worker_registration.register(self, pipeline)
                pipeline.expire(self.key, self.worker_ttl + 60)
                pipeline.execute()
        except redis.RedisError as error:
            raise translate(error) from error

    def _settings_of_rq(self, logging_level: str | None, strategy: str) -> WorkerSettings:
        """Settings where RQ's command line chose the server and the queues.

        One job at a time, as RQ's users expect, unless ``JOBYARD_CONCURRENCY`` says otherwise.
        """
        settings = WorkerSettings.load(
            queues=tuple(self.queue_names()),
            **address_of(self.connection),
            **options.level_of(logging_level),
            **options.turns_of(strategy),
        )
        if "concurrency" not in settings.model_fields_set:
            settings = settings.model_copy(update={"concurrency": 1})
        configure_logging("worker", settings)
        return settings

    def _set_connection(  # type: ignore[explicit-override]  # typing.override comes with 3.12
        self, connection: redis.Redis
    ) -> redis.Redis:
        """RQ would raise the socket's timeout to minutes; the main loop has its own connection."""
        return connection


def _report_stock_workers(store: Store) -> None:
    """The scheduler looks again and again; here because RQ's users may run none."""
    for info in store.run(calls.workers()):
        if info.is_stock:
            _log.warning("stock_worker.found", worker=info.name, queues=",".join(info.queues))


def _deletion_cost_of(settings: WorkerSettings, loop: Loop) -> AbstractContextManager[None]:
    """What tells Kubernetes of long jobs; nothing where that is not asked for."""
    if not settings.deletion_cost:
        return nullcontext()
    pod = Pod(
        settings.kubernetes_host,
        settings.kubernetes_port,
        settings.pod_namespace,
        settings.pod_name,
        settings.service_account,
    )
    return DeletionCost(pod, loop.oldest_since)


def _leave_at_once() -> None:
    """No thread may go on with a job that was given back."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
