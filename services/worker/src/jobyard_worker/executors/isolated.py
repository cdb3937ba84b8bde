"""Runs one job in a child process of its own: killable at its timeout and on cancel.

For tasks that ask for it, and for suspects of a crash: only the death of its own child is counted
against a job. The child is a fresh interpreter (``child.py``), never a fork of this one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from jobyard.errors import JobTimeoutError
from jobyard.follow_ups import submissions_of
from jobyard.store.records import ErrorInfo, JournalEntry, Succeeded
from jobyard_worker.execution import limit_of
from jobyard_worker.outcome import Ending, Verdict, ending_from, ending_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jobyard.store.data import JobData
    from jobyard_worker.delivery import Delivery

COMMAND = (sys.executable, "-m", "jobyard_worker.child")


class Isolated:
    """Starts a child for each job; called from the slot that runs the job."""

    def __init__(self, report: Callable[[Delivery], None]) -> None:
        """``report`` is told that a delivery has new progress."""
        self._report = report

    def run(self, delivery: Delivery, data: JobData, started: float) -> Succeeded | Ending:
        """Runs the job to its end, or to the end of its child."""
        child = _Child(limit_of(delivery.job.timeout_seconds))
        delivery.stop = child.kill
        try:
            if delivery.is_canceled:
                child.kill("canceled")
            last = self._converse(child, delivery, data)
        finally:
            delivery.stop = None
            child.end()
        return _end(delivery, child, last, started)

    def _converse(self, child: _Child, delivery: Delivery, data: JobData) -> dict[str, Any] | None:
        """Hands the job over and listens; returns the child's last word, None if it had none."""
        child.tell(_order(delivery, data))
        for message in child.messages():
            if "progress" not in message:
                return message
            delivery.progress = message["progress"].encode()
            self._report(delivery)
        return None


class _Child:
    """One child process with its watchdog."""

    def __init__(self, limit_seconds: float | None) -> None:
        self.reason = ""
        """Why we killed it; empty when we did not."""
        self._limit_seconds = limit_seconds
        self._process = subprocess.Popen(
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self._watchdog = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._watchdog.start()

    def tell(self, order: bytes) -> None:
        """Sends the job. The pipe stays open: its end tells the child that this worker died."""
        with contextlib.suppress(BrokenPipeError):
            _stdin(self._process).write(order + b"\n")
            _stdin(self._process).flush()

    def messages(self) -> Iterator[dict[str, Any]]:
        """What the child says, line by line, until it ends."""
        for line in _stdout(self._process):
            with contextlib.suppress(ValueError):
                yield from_json(line)

    def kill(self, reason: str) -> None:
        """Kills the child and all that it started; the first reason stays. For any thread."""
        self.reason = self.reason or reason
        self._kill()

    def end(self) -> None:
        """Leaves nothing behind."""
        self._kill()
        self._watchdog.join()
        for pipe in (_stdin(self._process), _stdout(self._process)):
            with contextlib.suppress(OSError):
                pipe.close()

    def how_it_ended(self) -> str:
        """Its exit code in words."""
        code = self._process.returncode
        if code is not None and code < 0:
            return f"was killed by {_signal_name(-code)}"
        return f"ended with exit code {code}"

    def _watch(self) -> None:
        """Waits for its death or its timeout.

        A process that the task started may hold the pipe open after the child is dead, so the end
        of the pipe alone would not do; killing the whole group closes it.
        """
        try:
            self._process.wait(self._limit_seconds)
        except subprocess.TimeoutExpired:
            self.kill("timeout")
            self._process.wait()
        self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:  # pragma: no cover - Windows has no process groups of this kind
                self._process.kill()


def _order(delivery: Delivery, data: JobData) -> bytes:
    job = delivery.job
    return to_json(
        {
            "id": job.id,
            "token": job.token,
            "queue": job.queue,
            "attempt": job.attempts + 1,
            "timeout_seconds": limit_of(job.timeout_seconds),
            "task": data.task,
            "payload": data.payload,
            "retry": job.retry.decode(errors="replace"),
            "path": sys.path,
        }
    )


def _end(
    delivery: Delivery, child: _Child, last: dict[str, Any] | None, started: float
) -> Succeeded | Ending:
    """The child's last word counts, also when it was killed a moment later."""
    ended = time.monotonic()
    if last is None:
        return _silent_end(delivery, child, started, ended)
    if "error" in last:
        return ending_from(last, started, ended)
    return Succeeded(
        id=delivery.job.id,
        token=delivery.job.token,
        started=started,
        ended=ended,
        result=last["result"].encode(),
        journal=tuple(JournalEntry(name, line) for name, line in last["journal"]),
        follow_ups=submissions_of(last["follow_ups"]),
    )


def _silent_end(delivery: Delivery, child: _Child, started: float, ended: float) -> Ending:
    if child.reason == "timeout":
        limit = delivery.job.timeout_seconds
        error = JobTimeoutError(f"The task ran past its timeout of {limit:g} s and was killed.")
        return ending_of(error, started, ended)
    if child.reason:
        killed = ErrorInfo("Canceled", "The child was killed as asked.")
        return Ending(Verdict.CANCELED, killed, started, ended)
    message = f"The child process that ran the task {child.how_it_ended()}."
    return Ending(Verdict.CRASHED, ErrorInfo("Crashed", message), started, ended)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _stdin(process: subprocess.Popen[bytes]) -> Any:
    return process.stdin


def _stdout(process: subprocess.Popen[bytes]) -> Any:
    return process.stdout
