"""One process of the yard: started in a group of its own, followed, restarted, stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from enum import IntEnum
from typing import IO, TYPE_CHECKING

from jobyard.errors import JobyardError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobyard_cli.yard.guard import Guard
    from jobyard_cli.yard.log import YardLog

FIRST_BACKOFF_SECONDS = 0.5
LAST_BACKOFF_SECONDS = 30.0
WRONG_SETTINGS_EXIT_CODE = 2
SETTLED_SECONDS = 0.25
"""A service that lives on so long after its first line has accepted its settings."""
SILENT_SECONDS = 5.0
"""The same for one that says nothing, as its log level may have it."""
STEADY_SECONDS = 30.0
"""A process that lived so long is no crash loop; the next restart is quick again."""


class NotRunnableError(JobyardError):
    """A program of the yard cannot be run on this machine."""


class Stage(IntEnum):
    """When a process is stopped: workers first, so that they can settle what they finished."""

    WORKERS = 0
    SERVICES = 1
    STORE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What a service runs. ``keep`` are descriptors that it inherits.

    ``metrics_port`` is where it shows metrics, if it does; ``hint`` says where to look when it ends
    without a word.
    """

    name: str
    stage: Stage
    command: Sequence[str]
    environment: Mapping[str, str]
    stop_seconds: float
    metrics_port: int | None = None
    keep: tuple[int, ...] = ()
    hint: str = "it said nothing"


@dataclass(slots=True)
class Service:
    """A running program of the yard; its output goes into the log line by line."""

    program: Program
    log: YardLog
    guard: Guard
    last_line: str = ""
    restarts: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _started_at: float = 0.0
    _spoke_at: float | None = None
    _restart_at: float | None = None
    _backoff_seconds: float = FIRST_BACKOFF_SECONDS
    _reader: threading.Thread | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """The process's id, None before the start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts the process, out of reach of the terminal's Ctrl-C.

        Raises:
            NotRunnableError: The system does not run its command.
        """
        self._process = self._launch()
        self.guard.add(self._process.pid, self.program.stage)
        self._started_at, self._restart_at = time.monotonic(), None
        self._follow_output(self._process)

    @property
    def has_settled(self) -> bool:
        """Whether it runs and did not refuse its settings."""
        now = time.monotonic()
        settled_at = self._started_at + SILENT_SECONDS
        if self._spoke_at is not None:
            settled_at = min(settled_at, self._spoke_at + SETTLED_SECONDS)
        return self.exit_code() is None and now > settled_at

    @property
    def refused_settings(self) -> bool:
        """Whether its first process ended by refusing its settings."""
        return self.restarts == 0 and self.exit_code() == WRONG_SETTINGS_EXIT_CODE

    def exit_code(self) -> int | None:
        """How the process ended; None while it lives."""
        return self._process.poll() if self._process else None

    def revive(self) -> None:
        """Starts the process again when it has died, after a pause that grows with each death."""
        code = self.exit_code()
        if code is None:
            return
        if self._restart_at is None:
            self._plan_restart(code)
        elif time.monotonic() >= self._restart_at:
            self.restarts += 1
            self.start()

    def ask_to_stop(self) -> None:
        """Sends SIGTERM to the process; its own children are its own affair."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self, deadline: float) -> None:
        """Waits until the process has ended; kills its group at ``deadline`` (monotonic)."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.log.say(f"{self.program.name} does not stop and is killed")
            self._kill_group(self._process)
        self.guard.remove(self._process.pid)
        self._finish_output()

    def _launch(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                self.program.command,
                env=self.program.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self.program.keep,
            )
        except OSError as error:
            command = self.program.command[0]
            raise NotRunnableError(f"{command} cannot be run ({error.strerror})") from None

    def _plan_restart(self, code: int) -> None:
        if self._process:
            self.guard.remove(self._process.pid)
        if time.monotonic() - self._started_at > STEADY_SECONDS:
            self._backoff_seconds = FIRST_BACKOFF_SECONDS
        self._restart_at = time.monotonic() + self._backoff_seconds
        self.log.say(
            f"{self.program.name} ended unexpectedly ({describe_exit(code)}); "
            f"starts again in {self._backoff_seconds:g} s"
        )
        self._backoff_seconds = min(self._backoff_seconds * 2, LAST_BACKOFF_SECONDS)

    def _kill_group(self, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _follow_output(self, process: subprocess.Popen[bytes]) -> None:
        self._reader = threading.Thread(
            target=self._copy_lines, args=(process.stdout,), name=self.program.name, daemon=True
        )
        self._reader.start()

    def _finish_output(self) -> None:
        # A grandchild may hold the pipe open: what it says later is not waited for.
        if self._reader:
            self._reader.join(0.5)

    def _copy_lines(self, output: IO[bytes]) -> None:
        with output:
            for raw in output:
                text = raw.decode(errors="replace").rstrip()
                if text:
                    self._spoke_at = self._spoke_at or time.monotonic()
                    self.last_line = text
                    self.log.write(self.program.name, text)


def describe_exit(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
