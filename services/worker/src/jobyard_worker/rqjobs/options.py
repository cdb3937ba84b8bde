"""What RQ's command line says, in our words: honoured, or refused with a reason. Pure.

``docs/rq-compatibility.md`` lists every option.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rq.defaults import (
    DEFAULT_JOB_MONITORING_INTERVAL,
    DEFAULT_LOGGING_DATE_FORMAT,
    DEFAULT_LOGGING_FORMAT,
)
from rq.serializers import DefaultSerializer, JSONSerializer, resolve_serializer
from rq.worker import DequeueStrategy

from jobyard.errors import ConfigurationError
from jobyard_worker.rqjobs.functions import EVERYTHING
from jobyard_worker.rqjobs.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rq.worker import BaseWorker

    from jobyard_worker.settings import WorkerSettings

_LEVELS = {"DEBUG": "debug", "INFO": "info", "WARNING": "warning", "WARN": "warning"}


def refuse(worker: BaseWorker, *, date_format: str, log_format: str, lease_seconds: float) -> None:
    """Stops a worker that was asked for what it would not do.

    Raises:
        ConfigurationError: One line: the option, why it is refused, what to do instead.
    """
    if worker.disable_default_exception_handler:
        raise ConfigurationError(
            "--disable-default-exception-handler: a failed job is always kept as a dead letter. "
            "Leave it out."
        )
    interval = worker.job_monitoring_interval
    if interval < min(DEFAULT_JOB_MONITORING_INTERVAL, lease_seconds / 3):
        raise ConfigurationError(
            f"--job-monitoring-interval {interval}: a lease of {lease_seconds:g} s is renewed "
            f"every {lease_seconds / 3:g} s. Set JOBYARD_LEASE_SECONDS instead."
        )
    if log_format not in ("", DEFAULT_LOGGING_FORMAT):
        raise ConfigurationError("--log-format: set JOBYARD_LOG_FORMAT to json or console instead.")
    if date_format not in ("", DEFAULT_LOGGING_DATE_FORMAT):
        raise ConfigurationError("--date-format: times in logs are RFC 3339. Leave it out.")


def serializer_of(named: Any) -> Any:
    """RQ's command line names its default, pickle, where ``-S`` is left out: then ours is JSON."""
    found = resolve_serializer(named) if named else JSONSerializer
    return JSONSerializer if found is DefaultSerializer else found


def level_of(named: str | int | None) -> dict[str, str]:
    """The setting for ``--logging_level``, ``--verbose`` and ``--quiet``; none where unnamed."""
    if named is None:
        return {}
    return {"log_level": _LEVELS.get(str(named).upper(), "error")}


def terms_of_rq(worker: BaseWorker, settings: WorkerSettings, *, with_scheduler: bool) -> Terms:
    """The terms on RQ's command line: its users expect that any function of theirs runs."""
    listed = "rq_functions" in settings.model_fields_set
    custom = worker.serializer not in (JSONSerializer, DefaultSerializer)
    return Terms(
        functions=settings.rq_functions if listed else EVERYTHING,
        allow_pickle=settings.allow_pickle,
        serializer=_path_of(worker.serializer) if custom else "",
        job_class=_path_of(worker.job_class),
        queue_class=_path_of(worker.queue_class),
        exception_handlers=_handlers_of(worker._exc_handlers),  # noqa: SLF001 - RQ shows them nowhere else
        result_ttl_seconds=worker.default_result_ttl,
        max_result_bytes=settings.max_result_bytes,
        max_job_seconds=settings.max_job_seconds,
        is_of_rq=True,
        promotes=with_scheduler,
    )


def terms_of(settings: WorkerSettings) -> Terms:
    """The terms of ``jobyard-worker``: listed functions only."""
    return Terms(
        functions=settings.rq_functions,
        allow_pickle=settings.allow_pickle,
        max_result_bytes=settings.max_result_bytes,
        max_job_seconds=settings.max_job_seconds,
    )


def turns_of(strategy: str) -> dict[str, str]:
    """How the queues take turns; RQ's default is ours, or what ``JOBYARD_QUEUE_ORDER`` says."""
    chosen = DequeueStrategy(strategy)
    return {} if chosen is DequeueStrategy.DEFAULT else {"queue_order": chosen.value}


def _handlers_of(handlers: Iterable[Callable[..., Any]]) -> tuple[str, ...]:
    return tuple(_path_of(handler) for handler in handlers)


def _path_of(thing: Any) -> str:
    """The dotted path under which a horse finds it again.

    Raises:
        ConfigurationError: It has none.
    """
    path = f"{thing.__module__}.{getattr(thing, '__qualname__', type(thing).__qualname__)}"
    if "<" in path or thing.__module__ == "__main__":
        raise ConfigurationError(f"{path} cannot be imported by a work horse: put it in a module.")
    return path
