"""The chart's own store, started by the chart's own script from the chart's own files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

import redis

from support.chart import render
from support.processes import Service
from support.servers import Engine, binary_of, free_port
from support.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

USERS = ("app", "keda", "exporter")

_CLI = """\
#!{python}
# What the scripts ask of valkey-cli, which the embedded server comes without.
import os, sys, redis
words = sys.argv[1:]
if words[0] == "-t":
    words = words[2:]
user = words[1] if words[0] == "--user" else None
client = redis.Redis(
    port=int(os.environ["STORE_PORT"]), username=user, password=os.environ.get("REDISCLI_AUTH")
)
try:
    answer = client.execute_command(*(words[2:] if user else words))
except redis.AuthenticationError as error:
    sys.exit(print("NOAUTH", error))
print("PONG" if answer is True and "ping" in words else answer)
"""


class BundledStore:
    """The store of a pod, in a directory. A context manager."""

    def __init__(self, directory: Path, engine: Engine = Engine.VALKEY) -> None:
        self.directory = directory
        self._engine = engine
        self.port = free_port()
        self.config, self.secret, self.run = (directory / name for name in ("config", "s", "run"))
        self._service: Service | None = None

    def __enter__(self) -> Self:
        for folder in (self.config, self.secret, self.run, self.directory / "bin"):
            folder.mkdir()
        for name, text in render().one("ConfigMap", "-store")["data"].items():
            (self.config / name).write_text(text)
        for user in USERS:
            self.set_password(user, f"{user}-secret\n")
        self._put_programs()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Starts it, on the data that it had."""
        service = Service("/bin/sh", self._environment(), self.directory, self._arguments())
        self._service = service
        wait_for(lambda: self.ask("ready") == 0, 20, service.log)

    def kill(self) -> None:
        """SIGKILL, as of a pod that is gone."""
        if self._service is not None:
            self._service.end()

    def log(self) -> str:
        """What it said since its start."""
        return self._service.log() if self._service is not None else ""

    @property
    def url(self) -> str:
        """Where it is, without a user."""
        return f"redis://127.0.0.1:{self.port}/0"

    def set_password(self, user: str, password: str) -> None:
        """Changes what is mounted."""
        (self.secret / f"{user}-password").write_text(password)

    def password_file(self, user: str) -> Path:
        """Where a user's password is mounted."""
        return self.secret / f"{user}-password"

    def client(self, user: str, password: str | None = None) -> redis.Redis:
        """A client that comes as one of the users."""
        return redis.Redis(
            port=self.port, username=user, password=password or f"{user}-secret", protocol=2
        )

    def ask(self, probe: str) -> int:
        """Exit code of a probe's script, ``ready`` or ``alive``."""
        script = [str(self.config / f"{probe}.sh"), str(self.run)]
        with Service("/bin/sh", self._environment(), self.directory, script) as asked:
            return asked.wait()

    def _arguments(self) -> list[str]:
        places = [self.config / "start.sh", self.config, self.secret, self.run]
        return [*map(str, places), "--port", str(self.port), "--dir", str(self.directory)]

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.directory / 'bin'}:/usr/bin:/bin",
            "RELOAD_SECONDS": "0.2",
            "STORE_PORT": str(self.port),
        }

    def _put_programs(self) -> None:
        server = binary_of(self._engine)
        assert server is not None, f"{self._engine}-server is not installed"
        (self.directory / "bin" / "valkey-server").symlink_to(server)
        cli = self.directory / "bin" / "valkey-cli"
        cli.write_text(_CLI.format(python=sys.executable))
        cli.chmod(0o755)
