"""A child: runs the jobs that it is handed, one after another, where they can be killed.

Started as ``python -m jobyard_worker.child`` by ``executors/child_process.py``. Lines of JSON: an
introduction, orders and stops come in; progress, and each job's result or error, go out.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from jobyard.context import Context
from jobyard.errors import JobyardError, UnreadableJobError
from jobyard.follow_ups import FollowUps
from jobyard.observability.log_level import set_level
from jobyard.observability.logging import LogFields, configure_logging
from jobyard.observability.tracing import start_child_tracing
from jobyard.registry import discover
from jobyard.store.data import decode_data
from jobyard_worker.execution import call, journal_of, result_json
from jobyard_worker.executors.coroutines import Coroutines, Watched
from jobyard_worker.inbox import Inbox
from jobyard_worker.interruption import Interruption
from jobyard_worker.outcome import message_of
from jobyard_worker.settings import TaskSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.observability.child_tracer import ChildTracer
    from jobyard.registry import Registry

_DIE_WITH_PARENT = 1
"""``PR_SET_PDEATHSIG`` of ``prctl(2)``."""


def main() -> None:
    """Runs jobs until the worker that started it kills it, or ends."""
    source, outbox = _take_pipes()
    _die_with_parent()
    coroutines = Coroutines()
    interruption = Interruption(coroutines)
    inbox = Inbox(os.fdopen(source, "rb"), int(sys.argv[1]), interruption.ask)
    inbox.start()
    Child(inbox, outbox, interruption, coroutines).work()


@dataclass(frozen=True, slots=True)
class _Tasks:
    """What was imported before the first order."""

    registry: Registry
    follow_ups: FollowUps
    max_result_bytes: int


class Child:
    """Answers order after order in the main thread, which alone can be interrupted."""

    def __init__(
        self, inbox: Inbox, outbox: int, interruption: Interruption, coroutines: Coroutines
    ) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._interruption = interruption
        self._coroutines = coroutines
        self._sending = threading.Lock()  # a task may report progress from threads of its own
        self._pid = os.getpid()
        self._tasks: _Tasks | JobyardError | None = None
        self._tracer: ChildTracer | None = None

    def work(self) -> None:
        """Never returns; the process is killed, or ends with its inbox."""
        self._prepare(self._inbox.next_line())
        self._write({"ready": True})
        while True:
            answer = self._answer(self._inbox.next_order())
            self._leave_when_forked()
            _flush()
            self._write(answer)

    def _prepare(self, introduction: dict[str, Any]) -> None:
        """Imports the tasks before the first order. What fails here fails the orders."""
        sys.path[:] = introduction["path"]
        try:
            settings = TaskSettings.load()
            configure_logging("worker", settings)
            self._tracer = start_child_tracing()
            set_level(self._inbox.level or settings.log_level)  # it may have been told meanwhile
            registry = discover(settings.task_modules)
            self._tasks = _Tasks(registry, FollowUps(registry, settings), settings.max_result_bytes)
        except JobyardError as error:
            self._tasks = error

    def _answer(self, order: dict[str, Any]) -> dict[str, Any]:
        """The last word on an order: result and journal, or the error and what it means."""
        started = time.monotonic()
        with self._inside(order), LogFields(**order["log"]):
            try:
                answer = self._run(order)
            except BaseException as error:  # noqa: BLE001 - the job boundary: SystemExit is a failure too
                answer = message_of(error)
        ended = time.monotonic()
        if self._tracer is not None and (spans := self._tracer.take()):
            answer["spans"] = spans
        return {"token": order["token"], "started": started, "ended": ended, **answer}

    def _inside(self, order: dict[str, Any]) -> contextlib.AbstractContextManager[object]:
        """The worker's span of this run."""
        if self._tracer is None:
            return _NOWHERE
        return self._tracer.inside(order["trace"]) or _NOWHERE

    def _run(self, order: dict[str, Any]) -> dict[str, Any]:
        cancelled = threading.Event()
        return self._interruption.run(order, cancelled, lambda: self._run_task(order, cancelled))

    def _run_task(self, order: dict[str, Any], cancelled: threading.Event) -> dict[str, Any]:
        tasks = self._tasks
        if not isinstance(tasks, _Tasks):
            raise tasks or JobyardError("This child is not ready.")
        if order["fault"]:
            raise UnreadableJobError(order["fault"])
        data = decode_data(b64decode(order["data"]))
        task = tasks.registry.get(data.task)
        context = None
        if task.payload.context_parameter:
            context = self._context(order, task.name, tasks.follow_ups, cancelled)
        value = call(task, data.payload, context)
        if task.is_async:
            value = self._coroutines.run(value, Watched(order["timeout_seconds"]))
        lines = [(entry.journal, entry.line) for entry in journal_of(context)]
        result = result_json(task.name, value, tasks.max_result_bytes).decode()
        follow_ups = context.follow_ups if context else []
        return {"result": result, "journal": lines, "follow_ups": follow_ups}

    def _context(
        self,
        order: dict[str, Any],
        task: str,
        follow_ups: FollowUps,
        cancelled: threading.Event,
    ) -> Context:
        return Context(
            job_id=order["id"],
            task=task,
            queue=order["queue"],
            attempt=order["attempt"],
            token=order["token"],
            timeout_seconds=order["timeout_seconds"],
            cancelled=cancelled,
            report=self._reporter(order["token"]),
            follow_up=follow_ups.record,
            retry=order["retry"].encode(),
        )

    def _reporter(self, token: str) -> Callable[[bytes], None]:
        def report(value: bytes) -> None:
            with self._sending, self._interruption.held():  # half a line would spoil the next one
                self._write({"token": token, "progress": value.decode()})

        return report

    def _write(self, message: dict[str, Any]) -> None:
        rest = memoryview(_encoded(message) + b"\n")
        with contextlib.suppress(BrokenPipeError):
            while rest:
                rest = rest[os.write(self._outbox, rest) :]

    def _leave_when_forked(self) -> None:
        """A task that forks and returns twice: the copy has nothing to say."""
        if os.getpid() != self._pid:
            os._exit(0)


_NOWHERE = contextlib.nullcontext()


def _encoded(message: dict[str, Any]) -> bytes:
    """What a task left that JSON cannot carry is an error of its job, and not our end."""
    try:
        return to_json(message)
    except ValueError as error:
        return to_json({**message, "follow_ups": [], "journal": [], **message_of(error)})


def _flush() -> None:
    """What a task printed goes out with its job; what it did to these files is its own affair."""
    for file in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            file.flush()


def _take_pipes() -> tuple[int, int]:
    """Keeps the pipes for us: a task that prints, or reads, must not disturb the conversation."""
    source, outbox = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, outbox


def _die_with_parent() -> None:
    """Linux kills this process when the worker dies, also while the task holds the interpreter."""
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - only here
    import signal  # noqa: PLC0415

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


if __name__ == "__main__":
    main()
