"""A horse: the process that runs one job of plain RQ code, as RQ's work horse does.

It reads the record, calls the function and the callbacks, and says how that ended; the worker
settles. Nothing here writes to the store, so a horse that lost its lease changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pydantic_core import to_json
from rq.callbacks import (
    execute_failure_callback,
    execute_stopped_callback,
    execute_success_callback,
)
from rq.defaults import UNSERIALIZABLE_RETURN_VALUE_PAYLOAD
from rq.job import Job, Retry
from rq.job_lifecycle import call_exception_handlers
from rq.serializers import DefaultSerializer, JSONSerializer, resolve_serializer
from rq.timeouts import JobTimeoutException, get_default_death_penalty_class
from rq.utils import import_attribute, now, utcformat, utcparse

from jobyard.connection import connect
from jobyard.errors import FunctionNotAllowedError, ResultTooLargeError, UnreadableJobError
from jobyard.observability.log_level import set_level
from jobyard.observability.logging import LogFields, configure_logging, get_logger
from jobyard.observability.tracing import start_child_tracing
from jobyard.settings import Settings
from jobyard.store.data import PICKLE_REFUSED, is_pickled
from jobyard_worker.cap import capped_seconds
from jobyard_worker.outcome import describe
from jobyard_worker.rqjobs.functions import Functions
from jobyard_worker.rqjobs.terms import FAILURE_TTL_SECONDS, Terms

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    import redis

    from jobyard.observability.child_tracer import ChildTracer

    Say = Callable[[dict[str, Any]], None]
    Raised = tuple[type[BaseException], BaseException, TracebackType | None]

_log = get_logger(__name__)

_Penalty = get_default_death_penalty_class()

_FINAL = (FunctionNotAllowedError, UnreadableJobError, ResultTooLargeError)
"""Another attempt cannot end otherwise."""


@dataclass(slots=True)
class Yoke:
    """What all horses of a stable share; made before they are forked, so that none pays for it."""

    client: redis.Redis
    """Not connected yet: a socket must not be shared."""
    tracer: ChildTracer | None = None

    @classmethod
    def make(cls, settings: dict[str, Any], path: list[str]) -> Self:
        """Logs as the worker does, finds modules where it does, and reaches the same store."""
        sys.path[:] = path
        loaded = Settings.load(**settings)
        configure_logging("worker", loaded)
        utcparse(utcformat(now()))  # imports what the first parsing of a time imports
        return cls(connect(loaded), start_child_tracing())


def run(order: dict[str, Any], yoke: Yoke, say: Say) -> dict[str, Any]:
    """Runs the job of ``order`` (or one callback of it); the answer is a horse's last word."""
    os.environ["RQ_JOB_ID"] = order["id"]
    set_level(order["level"])
    with LogFields(**order["log"]):
        return _run(order, yoke, say)


def _run(order: dict[str, Any], yoke: Yoke, say: Say) -> dict[str, Any]:
    terms = Terms(**order["terms"])
    try:
        job, crashes = _job_of(order, yoke.client, terms)
        ride = _Ride(job, terms, say, crashes)
        if order["errand"] == "stopped":
            execute_stopped_callback(ride.checked(), _Penalty)
            return {"kind": "called"}
    except BaseException as error:  # noqa: BLE001 - the job boundary
        return {"kind": "failed", "error": _error_of(error)}
    return ride.run() if yoke.tracer is None else _traced(ride, order, yoke.tracer, say)


def _traced(ride: _Ride, order: dict[str, Any], tracer: ChildTracer, say: Say) -> dict[str, Any]:
    """Runs the job inside the worker's span; what its function records is said before the end."""
    with tracer.inside(order["trace"]) or contextlib.nullcontext():
        last = ride.run()
    if spans := tracer.take():
        say({"spans": spans})
    return last


def _job_of(order: dict[str, Any], client: redis.Redis, terms: Terms) -> tuple[Job, int]:
    """The job as it stands in the store, and its crashes. A pickle is read where that is allowed.

    Raises:
        UnreadableJobError: It is another delivery's by now, or cannot be read.
    """
    job_class: type[Job] = import_attribute(terms.job_class)  # type: ignore[assignment]
    record: dict[Any, Any] = client.hgetall(job_class.key_for(order["id"]))
    if record.get(b"token") != order["token"].encode():
        raise UnreadableJobError("the job was deleted, or is another delivery's by now")
    serializer = _serializer_of(record.get(b"data", b""), terms)
    job = job_class(order["id"], connection=client, serializer=serializer)
    job.restore(record)
    os.environ["RQ_WORKER_ID"] = job.worker_name or ""
    return job, int(record.get(b"crashes", 0))


def _serializer_of(data: bytes, terms: Terms) -> Any:
    if terms.serializer:
        return resolve_serializer(terms.serializer)
    if not is_pickled(data):
        return JSONSerializer
    if not terms.allow_pickle:
        raise UnreadableJobError(PICKLE_REFUSED)
    return DefaultSerializer


@dataclass(slots=True)
class _Ride:
    """One run of one job."""

    job: Job
    terms: Terms
    say: Say
    crashes: int
    """Of earlier horses of the job."""

    def run(self) -> dict[str, Any]:
        """The function, its callbacks, and what RQ makes of their outcome."""
        try:
            self.checked()
            self.say({"about": self._about()})
            with LogFields(task=self.job.func_name):
                return self._succeed(self._perform())
        except BaseException as error:  # noqa: BLE001 - the job boundary: SystemExit is a failure too
            return self._fail((type(error), error, error.__traceback__))

    def checked(self) -> Job:
        """The job, if everything that it names may run here.

        Raises:
            FunctionNotAllowedError: It may not.
            UnreadableJobError: Its data cannot be read.
        """
        functions = Functions(self.terms.functions)
        for name in filter(None, (self._function(), *self._callbacks())):
            functions.check_name(name)
            functions.check_found(name, self._found(name))
        return self.job

    def _function(self) -> str:
        try:
            name, instance = self.job.func_name, self.job.instance
        except Exception as error:  # noqa: BLE001 - whatever the serializer raises
            raise UnreadableJobError(f"the record's data cannot be read: {error!r}") from None
        if instance is None:
            return name or ""
        owner = instance if isinstance(instance, type) else type(instance)
        return f"{owner.__module__}.{owner.__qualname__}.{name}"

    def _callbacks(self) -> tuple[str | None, ...]:
        job = self.job
        return job._success_callback_name, job._failure_callback_name, job._stopped_callback_name  # noqa: SLF001 - RQ shows the names nowhere else

    def _found(self, name: str) -> Any:
        return self.job.func if self.job.instance is not None else import_attribute(name)

    def _about(self) -> dict[str, Any]:
        """What the worker needs to know should this process not get to its last word."""
        job = self.job
        return {
            "retry": self._next_try(),
            "fields": self._default_ttls(),
            "has_stopped_callback": bool(job._stopped_callback_name),  # noqa: SLF001 - as above
            "crashes": self.crashes,
            "stopped_callback_seconds": job.stopped_callback_timeout,
            "webhooks": [webhook.to_dict() for webhook in job.webhooks],
            "payload": {
                "job_id": job.id,
                "func_name": job.func_name,
                "enqueued_at": job.enqueued_at.isoformat() if job.enqueued_at else None,
            },
        }

    def _perform(self) -> Any:
        job = self.job
        job.started_at = now()
        queue_class: Any = import_attribute(self.terms.queue_class)
        timeout = job.timeout or queue_class.DEFAULT_TIMEOUT
        with self._limit(capped_seconds(timeout, self.terms.max_job_seconds) or 0):
            return job.perform()

    def _limit(self, seconds: float) -> contextlib.AbstractContextManager[Any]:
        """RQ's exception at the limit; the worker kills what does not heed it."""
        if seconds <= 0:
            self.say({"limit_seconds": None})
            return contextlib.nullcontext()
        whole = max(1, round(seconds))
        self.say({"limit_seconds": whole})
        return _Penalty(whole, JobTimeoutException, job_id=self.job.id)

    def _succeed(self, value: Any) -> dict[str, Any]:
        self.job.ended_at = now()
        self.job._result = value  # noqa: SLF001 - as RQ's worker does
        if isinstance(value, Retry):
            return self._retry_as_returned(value)
        self.say({"limit_seconds": self.job.success_callback_timeout})
        execute_success_callback(self.job, _Penalty, value)
        return {"kind": "succeeded", "value": self._dumped(value), "fields": self._default_ttls()}

    def _retry_as_returned(self, retry: Retry) -> dict[str, Any]:
        job, done = self.job, self.job.number_of_retries or 0
        answer = {"value": self._dumped(retry), "fields": self._default_ttls()}
        if done and done >= retry.max:
            return {**answer, "kind": "failed", "exhausted": True}
        at_head = job.enqueue_at_front_on_retry or retry.enqueue_at_front
        fields = {
            **self._default_ttls(),
            "number_of_retries": str(done + 1),
            "enqueue_at_front_on_retry": str(int(at_head)),
        }
        delay = Retry.get_interval(done, retry.intervals)
        return {
            **answer, "kind": "retrying", "delay_seconds": delay, "at_head": at_head,
            "fields": fields,
        }  # fmt: skip

    def _fail(self, raised: Raised) -> dict[str, Any]:
        if not isinstance(raised[1], _FINAL):
            raised = self._called_back(raised)
        error = {"error": _error_of(raised[1]), "fields": self._default_ttls()}
        retry = None if isinstance(raised[1], _FINAL) else self._next_try()
        return {"kind": "failed", **error} if retry is None else {**error, **retry}

    def _called_back(self, raised: Raised) -> Raised:
        """After the failure callback, whose own exception takes the place of the job's."""
        self.job.ended_at = now()
        self.say({"limit_seconds": self.job.failure_callback_timeout})
        try:
            execute_failure_callback(self.job, _Penalty, *raised)
        except BaseException as error:  # noqa: BLE001 - as above
            raised = (type(error), error, error.__traceback__)
        self.say({"limit_seconds": None})
        try:
            call_exception_handlers(self._handlers(), self.job, *raised)
        except Exception:  # noqa: BLE001 - the operator's own code
            _log.exception("exception_handler.failed", job_id=self.job.id)
        return raised

    def _handlers(self) -> list[Callable[..., Any]]:
        return [import_attribute(name) for name in self.terms.exception_handlers]

    def _next_try(self) -> dict[str, Any] | None:
        """RQ's ``Retry``: what becomes of the job if this attempt fails; None where it is over."""
        job = self.job
        if not job.should_retry:
            return None
        left = {"retries_left": str((job.retries_left or 0) - 1)}
        return {
            "kind": "retrying",
            "delay_seconds": job.get_retry_interval(),
            "at_head": job.enqueue_at_front_on_retry,
            "fields": {**self._default_ttls(), **left},
        }

    def _default_ttls(self) -> dict[str, str]:
        """RQ's own, where the job names none: the store's differ."""
        ttls = {}
        if self.job.result_ttl is None:
            ttls["result_ttl"] = str(self.terms.result_ttl_seconds)
        if self.job.failure_ttl is None:
            ttls["failure_ttl"] = str(FAILURE_TTL_SECONDS)
        return ttls

    def _dumped(self, value: Any) -> str:
        """``value`` as RQ stores it, in Latin-1; empty for None.

        Raises:
            ResultTooLargeError: It is larger than the yard keeps.
        """
        if value is None:
            return ""
        try:
            data: bytes = self.job.serializer.dumps(value)
        except Exception:  # noqa: BLE001 - whatever the serializer raises, RQ's text takes its place
            data = self.job.serializer.dumps(UNSERIALIZABLE_RETURN_VALUE_PAYLOAD)
        if len(data) > self.terms.max_result_bytes:
            name = self.job.func_name or ""
            raise ResultTooLargeError(name, len(data), self.terms.max_result_bytes)
        return data.decode("latin-1")


def _error_of(error: BaseException) -> dict[str, str]:
    info = describe(error)
    return {"type": info.type, "message": info.message, "traceback": info.traceback}


def frame(message: dict[str, Any]) -> bytes:
    """One line of what a horse says."""
    return to_json(message) + b"\n"
