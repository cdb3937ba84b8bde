"""One run from beginning to end: yard, Locust, watchers, account, report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from loadlab import findings, summary, verdict
from loadlab.accounting import Books
from loadlab.api import Api
from loadlab.blows import Blow
from loadlab.chaos import Chaos
from loadlab.files import ACCOUNT, BEGUN, LOCUST_LOG, REPORT_JSON, REPORT_PAGE, SCENARIO
from loadlab.follower import Follower
from loadlab.local_yard import LocalYard
from loadlab.page_writer import page_of
from loadlab.progress import Progress
from loadlab.sampler import Sampler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from loadlab.scenario import Scenario

_LOCUSTFILE = Path(__file__).resolve().parent.parent / "locustfile.py"
_PROGRESS_SECONDS = 5.0
_POLL_SECONDS = 0.2
_LISTEN_SECONDS = 15.0
_AFTERWARDS_SECONDS = 60.0
"""What Locust gets to start, and to wait for its last answers."""


class LocustError(Exception):
    """Locust did not run to its end; the message names its log."""


class Experiment:
    """A scenario, and the directory where all of its traces go."""

    def __init__(
        self, scenario: Scenario, directory: Path, processes: int, say: Callable[[str], None]
    ) -> None:
        """``processes``: how many of Locust make the load."""
        self.scenario = scenario
        self.directory = directory
        self._processes = processes
        self._say = say
        self._locust: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        (directory / SCENARIO).write_text(scenario.model_dump_json(indent=2))

    def run(self, url: str | None) -> bool:
        """Runs against ``url``, or a yard of its own; returns whether anything broke.

        Raises:
            YardError: Its own yard did not start.
            LocustError: Locust failed.
        """
        with ExitStack() as stack:
            find: Callable[[], Mapping[str, Sequence[psutil.Process]]] = dict
            if url is None:
                self._say("starting a yard")
                yard = stack.enter_context(LocalYard(self.directory, self.scenario))
                url, find = yard.url, yard.processes
            account = self._drive(url, find, stack)
        return self._conclude(account)

    def _drive(
        self,
        url: str,
        find: Callable[[], Mapping[str, Sequence[psutil.Process]]],
        stack: ExitStack,
    ) -> dict[str, Any]:
        follower = Follower(Api(url), self.directory)
        sampler = Sampler(Api(url), lambda: {**find(), "locust": self._drivers()}, self.directory)
        blows = [Blow.parse(text) for text in self.scenario.chaos]
        chaos = Chaos(blows, find, self.directory)
        for watcher in (follower, sampler, chaos):
            stack.callback(watcher.stop)
        follower.start()
        follower.listens.wait(_LISTEN_SECONDS)
        sampler.start()
        progress = Progress(self.directory, self.scenario, sampler, follower)
        self._run_locust(url, chaos, progress)
        return self._account(Api(url), follower, sampler, progress)

    def _run_locust(self, url: str, chaos: Chaos, progress: Progress) -> None:
        self._say(f"{self.scenario.name}: {self.scenario.seconds:g} s against {url}")
        with (self.directory / LOCUST_LOG).open("ab") as log:
            self._locust = process = subprocess.Popen(
                self._locust_command(url), env=self._environment(), stdout=log, stderr=log
            )
        try:
            self._wait(process, chaos, progress)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
        if not (self.directory / BEGUN).exists():
            raise LocustError(f"Locust did not run: see {self.directory / LOCUST_LOG}")

    def _wait(self, process: subprocess.Popen[bytes], chaos: Chaos, progress: Progress) -> None:
        has_begun, says_at = False, 0.0
        deadline = time.monotonic() + self.scenario.seconds + _AFTERWARDS_SECONDS
        deadline += self.scenario.timeout_seconds
        while process.poll() is None and time.monotonic() < deadline:
            if not has_begun and (self.directory / BEGUN).exists():
                has_begun = True
                chaos.start(self._began())
            if has_begun and time.monotonic() >= says_at:
                says_at = time.monotonic() + _PROGRESS_SECONDS
                self._say(progress.line())
            time.sleep(_POLL_SECONDS)

    def _drivers(self) -> list[psutil.Process]:
        """Locust's processes: all make load, but the first of several."""
        if self._locust is None:
            return []
        try:
            first = psutil.Process(self._locust.pid)
            return first.children() or [first]
        except psutil.Error:
            return []

    def _began(self) -> float:
        return float((self.directory / BEGUN).read_text())

    def _locust_command(self, url: str) -> list[str]:
        command = [sys.executable, "-m", "locust", "-f", str(_LOCUSTFILE), "--headless"]
        command += ["--only-summary", "--host", url, "--exit-code-on-error", "0"]
        if self._processes > 1:
            command += ["--processes", str(self._processes)]
        return command

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "LOADLAB_SCENARIO": str(self.directory / SCENARIO),
            "LOADLAB_DIRECTORY": str(self.directory),
        }

    def _account(
        self, api: Api, follower: Follower, sampler: Sampler, progress: Progress
    ) -> dict[str, Any]:
        """Waits for the ends of all jobs, then counts them."""
        deadline = time.monotonic() + self.scenario.drain_seconds
        while time.monotonic() < deadline and progress.open_jobs() > 0 and not sampler.is_at_rest:
            time.sleep(_POLL_SECONDS)
        self._say(progress.line())
        follower.stop()
        books = Books(self.directory)
        books.load()
        # Jobs of others were counted above, too: some of ours may be open.
        while books.ask(api.state) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        account = _with_times(books, self._began())
        books.close()
        return account

    def _conclude(self, account: dict[str, Any]) -> bool:
        (self.directory / ACCOUNT).write_text(json.dumps(account))
        found = findings.gather(self.directory)
        found["broken"] = broken = verdict.broken(found, self.scenario.thresholds)
        (self.directory / REPORT_JSON).write_text(json.dumps(found))
        (self.directory / REPORT_PAGE).write_text(page_of([found]))
        for line in summary.lines(found):
            self._say(line)
        return bool(broken)


def _with_times(books: Books, began: float) -> dict[str, Any]:
    once, again = books.end_to_end()
    return {
        **books.account().as_json(),
        "once": findings.quantiles(once),
        "once_curve": findings.curve(once),
        "once_seconds": [findings.row(second, each) for second, each in books.seconds(began)],
        "ended_seconds": books.ended(began),
        "again": findings.quantiles(again),
    }
