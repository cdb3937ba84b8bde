"""The isolated child: runs one job that it is handed over its standard input, and ends.

Started as ``python -m jobyard_worker.child`` by ``executors/isolated.py``. Lines of JSON: the job
comes in; progress, and then the result or the error, go out.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

from pydantic_core import from_json, to_json

from jobyard.context import Context
from jobyard.follow_ups import FollowUps
from jobyard.observability.logging import configure_logging
from jobyard.registry import discover
from jobyard.settings import Settings
from jobyard_worker.execution import invoke, journal_of, result_json
from jobyard_worker.executors.coroutines import Coroutines
from jobyard_worker.outcome import message_of

if TYPE_CHECKING:
    from collections.abc import Callable

_DIE_WITH_PARENT = 1
"""``PR_SET_PDEATHSIG`` of ``prctl(2)``."""


def main() -> None:
    """Runs the one job; leaves at once, whatever threads the task left behind."""
    inbox, outbox = _take_pipes()
    _die_with_parent()
    order = inbox.readline()
    if order:
        threading.Thread(target=_leave_at_end_of, args=(inbox,), daemon=True).start()
        _send(outbox, _answer(from_json(order), outbox))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _answer(order: dict[str, Any], outbox: BinaryIO) -> dict[str, Any]:
    """The last word: result and journal, or the error and what it means."""
    try:
        return _run(order, lambda value: _send(outbox, {"progress": value.decode()}))
    except BaseException as error:  # noqa: BLE001 - the job boundary: SystemExit is a failure too
        return message_of(error)


def _run(order: dict[str, Any], report: Callable[[bytes], object]) -> dict[str, Any]:
    sys.path[:] = order["path"]
    settings = Settings.load()
    configure_logging("worker", settings)
    registry = discover(settings.task_modules)
    task = registry.get(order["task"])
    context = _context(order, report, FollowUps(registry, settings))
    value = invoke(task, order["payload"], context, Coroutines())
    lines = [(entry.journal, entry.line) for entry in journal_of(context)]
    result = result_json(task.name, value).decode()
    return {"result": result, "journal": lines, "follow_ups": context.follow_ups}


def _context(
    order: dict[str, Any], report: Callable[[bytes], object], follow_ups: FollowUps
) -> Context:
    return Context(
        job_id=order["id"],
        task=order["task"],
        queue=order["queue"],
        attempt=order["attempt"],
        token=order["token"],
        timeout_seconds=order["timeout_seconds"],
        report=report,
        follow_up=follow_ups.record,
        retry=order["retry"].encode(),
    )


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keeps the pipes for us: a task that prints, or reads, must not disturb the conversation."""
    inbox, outbox = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return inbox, outbox


def _send(outbox: BinaryIO, message: dict[str, Any]) -> None:
    with _SENDING, contextlib.suppress(BrokenPipeError):
        outbox.write(to_json(message) + b"\n")
        outbox.flush()


_SENDING = threading.Lock()
"""A task may report progress from threads of its own."""


def _leave_at_end_of(inbox: BinaryIO) -> None:
    """The pipe ends when the worker dies: what runs here belongs to nobody any more."""
    inbox.read()
    os._exit(1)


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
