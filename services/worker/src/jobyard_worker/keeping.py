"""The worker's side of its keeper: starts it, restarts it, tells it, and reads its mail."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from pydantic_core import from_json, to_json

from jobyard.observability.logging import get_logger
from jobyard.settings import CONNECTION
from jobyard_worker.backoff import Backoff
from jobyard_worker.pulse import Pulse

if TYPE_CHECKING:
    from jobyard_worker.settings import WorkerSettings
    from jobyard_worker.wake import Wake

_log = get_logger(__name__)

COMMAND = (sys.executable, "-P", "-m", "jobyard_worker.keeper")

_LOOK_SECONDS = 0.2

_STEADY_SECONDS = 10.0
"""A keeper that lived that long was in order; one that dies sooner is restarted ever later."""


class Keeping:
    """One keeper process at a time."""

    def __init__(self, settings: WorkerSettings, wake: Wake) -> None:
        self._settings = settings
        self._wake = wake
        self._worker = ""
        self._pulse = Pulse.create()
        self._process = self._spawn()
        self._next_look = 0.0
        self._is_kept, self._next_own = False, 0.0
        self._backoff = Backoff(random.random)
        self._mail: deque[dict[str, Any]] = deque()

    def keep(self, worker: str) -> None:
        """The lease of ``worker`` begins, or replaces one that was lost."""
        is_first = not self._worker
        self._worker = worker
        self._is_kept, self._next_own = False, time.monotonic() + _LOOK_SECONDS
        if is_first:
            self._introduce()
        else:
            self._tell({"worker": worker})

    def beat(self, busy: int) -> None:
        """The main loop goes round; ``busy`` slots run a job."""
        self._pulse.beat(busy)

    def tend(self) -> bool:
        """Starts another keeper when this one is dead; True when it did."""
        now = time.monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + _LOOK_SECONDS
        code = self._process.poll()
        if code is None:
            if now - self._started_at > _STEADY_SECONDS:
                self._backoff.reset()
            return False
        self._next_look = now + max(_LOOK_SECONDS, self._backoff.next_seconds())
        _log.warning("keeper.died", exit_code=code)
        self._replace()
        return True

    def leaves_renewing(self) -> bool:
        """Whether the main loop is to renew now: no keeper has renewed this lease yet.

        On a machine that is busy with starting processes a keeper may need longer than a lease.
        """
        now = time.monotonic()
        if self._is_kept or now < self._next_own:
            return False
        self._next_own = now + _LOOK_SECONDS
        return True

    def mail(self) -> list[dict[str, Any]]:
        """What the store left for the lease that is kept now."""
        letters = [self._mail.popleft() for _ in range(len(self._mail))]
        mine = [letter for letter in letters if letter.get("worker") == self._worker]
        self._is_kept = self._is_kept or any("kept" in letter for letter in mine)
        return mine

    def dismiss(self) -> None:
        """The lease was given back: the keeper leaves, and nobody needs to wait for it."""
        self._tell({"goodbye": True})
        self._close_pipes()
        self._pulse.close()

    def _replace(self) -> None:
        """The loop beats on whatever fails here (a full disk, no process to be had)."""
        pulse = Pulse.create()
        self._pulse, old = pulse, self._pulse
        old.close()
        self._close_pipes()
        self._is_kept, self._next_own = False, 0.0
        self._process = self._spawn()
        self._introduce()

    def _spawn(self) -> subprocess.Popen[bytes]:
        self._started_at = time.monotonic()
        return subprocess.Popen(
            COMMAND,
            bufsize=0,  # a buffer's lock, held by the thread that reads mail, breaks the exit
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def _introduce(self) -> None:
        settings = self._settings
        self._tell(
            {
                "worker": self._worker,
                "pid": os.getpid(),
                "prefix": settings.key_prefix,
                "lease_seconds": settings.lease_seconds,
                "stall_seconds": settings.stall_seconds,
                "pulse": str(self._pulse.path),
                "settings": settings.model_dump(include=set(CONNECTION)),
            }
        )
        source = cast("BinaryIO", self._process.stdout)
        threading.Thread(target=self._read, args=(source,), name="mail", daemon=True).start()

    def _read(self, source: BinaryIO) -> None:
        with suppress(ValueError, OSError):  # closed under us by a restart
            for line in source:
                with suppress(ValueError):  # not a letter: the next one may be
                    self._mail.append(from_json(line))
                self._wake.set()

    def _tell(self, order: dict[str, Any]) -> None:
        with suppress(OSError):  # it is dead; ``tend`` finds out
            pipe = cast("BinaryIO", self._process.stdin)
            pipe.write(to_json(order) + b"\n")

    def _close_pipes(self) -> None:
        with suppress(OSError):
            cast("BinaryIO", self._process.stdin).close()
