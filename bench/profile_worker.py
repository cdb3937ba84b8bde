"""Where the time of a worker goes under no-op load, by thread, function and line.

    .venv/bin/python bench/profile_worker.py [--jobs 100000] [--executor thread]

A thread in the worker looks at all others a thousand times a second and gives each the processor
time that it used since the look before (the kernel's count), so threads that wait weigh nothing.
The switch interval is shortened meanwhile, or a look would mostly fall on system calls: the rate
is lower than without, the shares are what counts. ``--plain`` measures the same without looking.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab import Lab, print_versions, wait_until
from usage import processor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType
    from typing import TypeAlias

    from support.processes import Service

    Place: TypeAlias = tuple[CodeType, int]

_LOOK_SECONDS = 0.001
_SWITCH_SECONDS = 0.0002
_WARM_SHARE = 0.1
_SHOWN_DEPTH = 4

TITLES = {"threads": 1, "functions": 1, "lines": 1, "inclusive": 3, "stacks": 2}
"""The tables, and how many times ``--top`` rows each has."""


def main() -> None:
    if os.environ.get("BENCH_PROFILE"):
        _work_watched(Path(os.environ["BENCH_PROFILE"]))
        return
    arguments = _arguments()
    with Lab() as lab:
        print_versions(lab)
        lab.submit("bench_noop", arguments.jobs)
        lab.client.config_resetstat()
        _measure(lab, arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--executor", default="thread")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--top", type=int, default=15, help="rows of each table")
    parser.add_argument("--plain", action="store_true", help="no sampler: rate and totals only")
    return parser.parse_args()


# ---------------------------------------------------------------- outside the worker


def _measure(lab: Lab, arguments: argparse.Namespace) -> None:
    folder = lab.folder / "profile"
    folder.mkdir()
    env = {
        "JOBYARD_EXECUTOR": arguments.executor,
        "JOBYARD_CONCURRENCY": str(arguments.concurrency),
    }
    if arguments.plain:
        worker = lab.worker(**env)
    else:
        env["BENCH_PROFILE"] = str(folder)
        worker = lab.services.start(sys.executable, __file__, **env)
    try:
        _watch(lab, worker, folder, arguments)
    except TimeoutError:
        print(worker.log()[-4000:])
        raise
    worker.term()
    worker.wait()
    _print_commands(lab)
    if not arguments.plain:
        _print_profile(json.loads((folder / "profile.json").read_text()), arguments.top)


def _watch(lab: Lab, worker: Service, folder: Path, arguments: argparse.Namespace) -> None:
    """Rate, and processor time of worker, its children and the server, between two marks."""
    first, began = wait_until(lab.finished, int(arguments.jobs * _WARM_SHARE))
    (folder / "begin").touch()
    pids = {"worker": [worker.pid], "children": worker.children(), "server": [lab.server.pid]}
    before = {name: processor(those) for name, those in pids.items()}
    last, ended = wait_until(lab.finished, arguments.jobs)
    used = {name: processor(those) - before[name] for name, those in pids.items()}
    (folder / "end").touch()
    jobs = last - first
    print(f"{jobs / (ended - began):.0f} jobs/s over {jobs} jobs; processor time a job:")
    for name, each in used.items():
        user, system = each.user / jobs * 1e6, each.system / jobs * 1e6
        print(f"  {name:9} {user:6.1f} µs user + {system:5.1f} µs system")


def _print_commands(lab: Lab) -> None:
    stats = lab.client.info("commandstats")
    print("\nserver, by command:")
    for name, row in sorted(stats.items(), key=lambda item: -item[1]["usec"])[:5]:
        command = name.removeprefix("cmdstat_")
        print(f"  {command:12} {row['calls']:8} calls {row['usec_per_call']:9.1f} µs each")


def _print_profile(profile: dict[str, Any], top: int) -> None:
    own = profile["threads"].pop("sampler", 0.0)
    total = sum(profile["threads"].values())
    print(f"\n{profile['looks']} looks ({own:.2f} s), {total:.2f} s in the worker's other threads")
    for title, rows in TITLES.items():
        print(f"\n{title}:")
        for name, seconds in Counter(profile[title]).most_common(rows * top):
            print(f"  {seconds / total:6.1%}  {name}")


# ---------------------------------------------------------------- inside the worker


def _work_watched(folder: Path) -> None:
    from jobyard_worker.main import main as work  # noqa: PLC0415 - only here

    sys.argv = ["jobyard-worker"]
    sampler = Sampler(folder)
    threading.Thread(target=sampler.serve, name="sampler", daemon=True).start()
    try:
        work()
    finally:
        (folder / "profile.json").write_text(json.dumps(sampler.report()))


class Sampler:
    """Looks at all threads between the marks ``begin`` and ``end`` of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._looks = 0
        self._used: dict[int, float] = {}
        self._seconds: defaultdict[tuple[str, tuple[Place, ...]], float] = defaultdict(float)

    def serve(self) -> None:
        """The body of the sampler's thread."""
        self._wait_for("begin")
        sys.setswitchinterval(_SWITCH_SECONDS)
        end = self._folder / "end"
        while not end.exists():
            self._look()
            time.sleep(_LOOK_SECONDS)

    def report(self) -> dict[str, Any]:
        """Seconds of processor time by title and name."""
        titles: dict[str, defaultdict[str, float]] = {title: defaultdict(float) for title in TITLES}
        for (thread, stack), seconds in self._seconds.items():
            titles["threads"][thread] += seconds
            if thread == "sampler":
                continue
            kind = f"{thread.partition('-')[0]:10}"
            titles["functions"][f"{kind} {_function(stack[0])}"] += seconds
            titles["lines"][f"{kind} {_line(stack[0])}"] += seconds
            for name in {_function(place) for place in stack}:
                titles["inclusive"][f"{kind} {name}"] += seconds
            shown = " < ".join(_line(place) for place in stack[:_SHOWN_DEPTH])
            titles["stacks"][f"{kind} {shown}"] += seconds
        return {"looks": self._looks, **titles}

    def _wait_for(self, name: str) -> None:
        while not (self._folder / name).exists():
            time.sleep(0.01)

    def _look(self) -> None:
        self._looks += 1
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for ident, frame in sys._current_frames().items():  # noqa: SLF001 - its documented use
            if seconds := self._seconds_of(ident):
                self._seconds[names.get(ident, "?"), tuple(_stack(frame))] += seconds

    def _seconds_of(self, ident: int) -> float:
        """Processor time of a thread since the last look."""
        try:
            used = time.clock_gettime(time.pthread_getcpuclockid(ident))
        except OSError:  # it has just ended
            return 0.0
        before = self._used.get(ident, used)
        self._used[ident] = used
        return used - before


def _stack(frame: FrameType | None) -> Iterator[Place]:
    """Innermost first."""
    while frame is not None:
        yield frame.f_code, frame.f_lineno or 0
        frame = frame.f_back


def _function(place: Place) -> str:
    return f"{_file(place[0])}:{place[0].co_qualname}"


def _line(place: Place) -> str:
    code, line = place
    return f"{_file(code)}:{code.co_name}:{line}"


def _file(code: CodeType) -> str:
    return "/".join(Path(code.co_filename).parts[-2:])


if __name__ == "__main__":
    main()
