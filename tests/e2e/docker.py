"""Containers of this machine's Docker Engine, for what needs no cluster."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from e2e.images import docker

if TYPE_CHECKING:
    from collections.abc import Iterator


def run(*arguments: str) -> str:
    """What ``docker …`` prints."""
    done = subprocess.run([docker(), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def inspect(name: str) -> dict[str, Any]:
    """An image or a container."""
    found: dict[str, Any] = json.loads(run("inspect", name))[0]
    return found


@contextmanager
def container(*arguments: str) -> Iterator[Container]:
    """``docker run --detach …``; ends it afterwards."""
    name = run("run", "--detach", *arguments)
    try:
        yield Container(name)
    finally:
        run("rm", "--force", "--volumes", name)


class Container:
    """A running container."""

    def __init__(self, name: str) -> None:
        self.name = name

    def address(self) -> str:
        """Its address on Docker's own network, which this machine reaches."""
        found: str = inspect(self.name)["NetworkSettings"]["IPAddress"]
        return found

    def started_at(self) -> float:
        """When its process began, as ``time.time`` has it."""
        text = inspect(self.name)["State"]["StartedAt"]
        return datetime.fromisoformat(f"{text[:26]}+00:00").timestamp()

    def cpu_seconds(self) -> float:
        """Processor time of its first process, which a busy machine does not change."""
        pid = inspect(self.name)["State"]["Pid"]
        user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
