"""One of the queues that Jobyard is measured beside, as it is driven from outside."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from environments import scripts_of

if TYPE_CHECKING:
    from pathlib import Path

    from lab import Lab
    from support.processes import Service

NAMES = ("rq", "celery", "arq", "saq", "taskiq", "dramatiq", "huey")


class Peer:
    """A peer in a lab. ``name`` may name a way to run it: ``celery:threads``."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.name, _, way = name.partition(":")
        self._lab = lab
        self._scripts: Path = scripts_of(self.name)
        self._env = {
            "BENCH_URL": lab.server.url,
            "BENCH_CLOCK": lab.clock,
            "BENCH_WAY": way,
        }
        self._about: dict[str, Any] = json.loads(self._run("describe", 0))
        self.way = way or next(iter(self._about["commands"]))

    @property
    def versions(self) -> str:
        """Its own version and those of what it is made of."""
        return ", ".join(f"{name} {version}" for name, version in self._about["versions"].items())

    @property
    def settings(self) -> str:
        """What was chosen for it."""
        return f"{self.way}: {self._about['settings']}"

    def submit(self, jobs: int) -> None:
        """Stores jobs that do nothing."""
        self._run("submit", jobs)

    def waits(self, jobs: int) -> list[float]:
        """Milliseconds from submit to start, one by one; its worker runs."""
        waits: list[float] = json.loads(self._run("wait", jobs))
        return waits

    def start(self) -> Service:
        """One worker process."""
        command, *arguments = self._about["commands"][self.way]
        env = {**self._env, **self._about["environment"]}
        return self._lab.services.start(str(self._scripts / command), *arguments, **env)

    def finished(self, jobs: int) -> int:
        """Jobs, of ``jobs``, whose result is stored."""
        number = int(self._lab.client.execute_command(*self._about["finished"]))
        return jobs - number if self._about["counts_waiting"] else number

    def _run(self, verb: str, number: int) -> str:
        python = self._scripts / "python"
        command = [str(python), "-m", "peers.run", self.name, verb, str(number)]
        env = {**self._lab.environment, **self._env}
        return subprocess.check_output(command, env=env, cwd=self._lab.folder, text=True)
