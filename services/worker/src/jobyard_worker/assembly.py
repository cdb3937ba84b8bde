"""Puts the parts of a worker together. The only place that knows all of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from jobyard.follow_ups import FollowUps
from jobyard_worker.claimer import Claimer
from jobyard_worker.execution import Execution
from jobyard_worker.executors.isolated import Isolated
from jobyard_worker.executors.nursery import Nursery
from jobyard_worker.executors.thread import ThreadExecutor
from jobyard_worker.link import Link
from jobyard_worker.loop import Parts
from jobyard_worker.outcome_log import OutcomeLog
from jobyard_worker.progress import Progress
from jobyard_worker.releaser import Releaser
from jobyard_worker.rqjobs.peeker import Peekers
from jobyard_worker.settler import Settler
from jobyard_worker.standing import StandingClaim
from jobyard_worker.stocktaker import Stocktaker
from jobyard_worker.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.observability.tracer import Tracer
    from jobyard.registry import Registry
    from jobyard.store import Store
    from jobyard_worker.executors import Executor
    from jobyard_worker.job_metrics import JobMetrics
    from jobyard_worker.keeping import Keeping
    from jobyard_worker.rqjobs.rider import Rider
    from jobyard_worker.settings import WorkerSettings
    from jobyard_worker.traces import Traces
    from jobyard_worker.wake import Wake


def assemble(  # noqa: PLR0917 - the parts
    settings: WorkerSettings,
    registry: Registry,
    store: Store,
    keeping: Keeping,
    wake: Wake,
    rider: Rider,
    metrics: JobMetrics,
    *,
    peeks: bool = False,
    traces: Traces | None = None,
) -> Parts:
    """The parts of a worker, its threads started; ``peeks``: it hears plain RQ code at once."""
    link = Link(store)
    progress = Progress(link, wake)
    nursery = _nursery_of(settings, progress, traces)
    execution = _execution_with(traces)(
        registry,
        Isolated(nursery),
        crash_budget=settings.crash_budget,
        max_result_bytes=settings.max_result_bytes,
        report=progress.report,
        follow_ups=FollowUps(registry, settings),
        rider=rider,
    )
    turns = Turns(settings.queues, settings.queue_order, settings.queue_weights)
    executor = executor_of(settings, execution, nursery, wake)
    ears = (Peekers if peeks else StandingClaim)(store, settings.queues, wake)
    executor.start()
    ears.start()
    return Parts(
        wake=wake,
        link=link,
        claimer=Claimer(link, turns, ears),
        executor=executor,
        settler=Settler(
            link,
            wake,
            metrics,
            OutcomeLog(registry.by_name),
            large_bytes=settings.large_bytes,
            traces=traces,
        ),
        releaser=Releaser(link),
        progress=progress,
        keeping=keeping,
        stocktaker=Stocktaker(link, every_seconds=settings.lease_seconds),
    )


def traces_of(tracer: Tracer | None) -> Traces | None:
    """The spans of a worker's jobs; None where no traces are recorded."""
    if tracer is None:
        return None
    from jobyard_worker.traces import Traces  # noqa: PLC0415 - with OpenTelemetry, for those alone

    return Traces(tracer)


def _execution_with(traces: Traces | None) -> Callable[..., Execution]:
    if traces is None:
        return Execution
    from jobyard_worker.traces import TracedExecution  # noqa: PLC0415 - as above

    return partial(TracedExecution, traces)


def _nursery_of(settings: WorkerSettings, progress: Progress, traces: Traces | None) -> Nursery:
    told: dict[str, Any] = {"begin": traces.begin, "relay": traces.relay} if traces else {}
    return Nursery(kill_seconds=settings.kill_seconds, report=progress.report, **told)


def executor_of(
    settings: WorkerSettings, execution: Execution, nursery: Nursery, wake: Wake
) -> Executor:
    """The one that the settings ask for; what the others need is not imported."""
    ranks = settings.queues if settings.queue_order == "strict" else ()
    match settings.executor:
        case "thread":
            return ThreadExecutor(settings.concurrency, ranks, execution.run, wake)
        case "process":
            from jobyard_worker.executors.process import ProcessExecutor  # noqa: PLC0415

            return ProcessExecutor(settings, ranks, execution, nursery, wake)
        case "asyncio":
            from jobyard_worker.executors.asyncio import AsyncioExecutor  # noqa: PLC0415

            return AsyncioExecutor(settings.concurrency, ranks, execution, wake)
