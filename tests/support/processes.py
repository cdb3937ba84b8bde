"""Our services as subprocesses: started from the environment's scripts, logged, surely ended.

Everything that a service starts carries its mark in the environment, so that clean-up finds
keepers and children by process id also when their parent is gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Self

from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCRIPTS = Path(sys.executable).parent
TESTS = Path(__file__).resolve().parent.parent
_MARK = "JOBYARD_TEST_MARK"
_OURS = ("JOBYARD_", "RQ_", "REDIS_URL")
_SHOWN_BYTES = 20_000


class Service:
    """One running command. A context manager that leaves no process behind."""

    def __init__(
        self, command: str, env: Mapping[str, str], directory: Path, arguments: Sequence[str] = ()
    ) -> None:
        self.command = command
        self.mark = uuid.uuid4().hex
        self.directory = directory
        self.log_path = directory / f"{Path(command).name}-{self.mark[:8]}.log"
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [str(SCRIPTS / command), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory,
                env={**clean_environment(), _MARK: self.mark, **env},
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """Process id of the command itself."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether the command itself is alive."""
        return self.process.poll() is None

    @property
    def peak_bytes(self) -> int:
        """The most memory that the command itself has had (``VmHWM``)."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        [peak] = [line for line in lines if line.startswith("VmHWM")]
        return int(peak.split()[1]) * 1024

    def term(self) -> None:
        """SIGTERM to the command itself."""
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to the command itself; what it started lives on."""
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Any signal to the command itself; nothing when it has ended."""
        self.process.send_signal(number)

    def wait(self, seconds: float = 30.0) -> int:
        """Waits for the end of the command; returns its exit code.

        Raises:
            AssertionError: It still runs after ``seconds``.
        """
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            message = f"{self.command} still runs after {seconds} s:\n{self.log()[-4000:]}"
            raise AssertionError(message) from None

    def wait_for_log(self, text: str, seconds: float = 25.0) -> None:
        """Waits until ``text`` is in the log."""
        wait_for(lambda: text in self.log(), seconds, lambda: f"no {text!r} in\n{self.log()}")

    def children(self) -> list[int]:
        """Ids of all living processes that came from the command, without itself."""
        return [pid for pid in _marked(self.mark) if pid != self.pid]

    def log(self) -> str:
        """What the command and its children wrote."""
        return self.log_path.read_text(errors="replace")

    def end(self) -> None:
        """Kills the command and everything that came from it.

        A server that sets its title writes over its environment and its mark: such a one is
        found as a descendant, before its parent is gone.
        """
        unmarked = _descendants(self.pid) if self.is_running else []
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        _kill(unmarked)
        wait_for(self._all_gone, 10.0, lambda: f"alive: {_marked(self.mark)}")

    def _all_gone(self) -> bool:
        pids = _marked(self.mark)
        _kill(pids)
        return not pids


class Services:
    """Starts services with one common environment; ends them all, newest first."""

    def __init__(self, directory: Path, env: Mapping[str, str]) -> None:
        self.directory = directory
        self.env = dict(env)
        self.started: list[Service] = []

    def start(self, command: str, *arguments: str, **env: object) -> Service:
        """Starts ``jobyard-worker`` and so on; ``env`` values are turned into text."""
        own = {name: str(value) for name, value in env.items()}
        service = Service(command, {**self.env, **own}, self.directory, arguments)
        self.started.append(service)
        return service

    def end(self) -> None:
        """Kills all of them and what came from them."""
        while self.started:
            self.started.pop().end()

    def logs(self) -> list[tuple[str, str]]:
        """``(title, tail of the log)`` of each, for the report of a failed test."""
        return [
            (f"{Path(service.command).name} pid {service.pid}", service.log()[-_SHOWN_BYTES:])
            for service in self.started
        ]


def clean_environment() -> dict[str, str]:
    """This process's environment without settings of ours; ``support`` can be imported.

    Bytecode is kept, whatever this process does: the services of a run start hundreds of times.
    """
    without = (*_OURS, "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(without)}
    shadow = os.environ.get("JOBYARD_CHAOS_SHADOW")  # packages with a guard off (chaos.proof)
    paths = [path for path in (shadow, str(TESTS)) if path]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}


def _marked(mark: str) -> list[int]:
    wanted = f"{_MARK}={mark}".encode()
    return [pid for pid in _all_pids() if wanted in _environment_of(pid)]


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    children = [child for child in _all_pids() if parent_of(child) == pid]
    return children + [below for child in children for below in _descendants(child)]


def parent_of(pid: int) -> int:
    """0 for a process that is gone."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except OSError:
        return 0
    return int(after_name.split()[1])


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]


def _environment_of(pid: int) -> bytes:
    """Empty for a process that is gone, a zombie, or another user's."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
