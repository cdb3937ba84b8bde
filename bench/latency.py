"""Milliseconds from submit to the first line of the task, on an idle system, beside other queues.

    .venv/bin/python bench/latency.py [--repetitions 3] [--jobs 200] [--only jobyard,rest,huey]

One worker process each, at the settings of ``bench/worker.py``; one job at a time, 10 to 30 ms
after the one before has begun. The clock (``time.monotonic_ns``) is taken before the client's own
call to submit and as the first line of the task, which sends it to the client by a datagram.
``rest`` posts to the API over a connection that stays open, on the same worker and scheduler.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
from typing import TYPE_CHECKING, get_args

from jobyard.store import calls
from jobyard_worker.settings import WorkerSettings
from lab import Lab, print_versions, submission
from peer import NAMES, Peer
from peers.waits import waits
from support.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Callable

    Measure = Callable[[int], list[float]]

_REST = "rest"


def main() -> None:
    arguments = _arguments()
    with Lab() as lab:
        print_versions(lab)
        measures = {name: _measure(lab, name) for name in _names(arguments.only)}
        found: dict[str, list[float]] = {name: [] for name in measures}
        for repetition in range(arguments.repetitions):
            print(f"\nrepetition {repetition + 1}", flush=True)
            for name, measure in measures.items():
                found[name] += _repeat(lab, name, measure, arguments.jobs)
    print("\nall repetitions together")
    for name, times in sorted(found.items(), key=lambda item: statistics.median(item[1] or [0])):
        _print(name, times)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=200, help="of each, each repetition")
    parser.add_argument("--only", default="", help="comma list, as in: jobyard,rest,huey")
    return parser.parse_args()


def _names(only: str) -> list[str]:
    if only:
        return only.split(",")
    executors = get_args(WorkerSettings.model_fields["executor"].annotation)
    ours = ["jobyard" if name == "thread" else f"jobyard:{name}" for name in executors]
    return [*NAMES, *ours, _REST]


def _measure(lab: Lab, name: str) -> Measure:
    if name == _REST:
        return lambda jobs: _rest(lab, jobs)
    if name.startswith("jobyard"):
        executor = name.partition(":")[2] or "thread"
        return lambda jobs: _jobyard(lab, jobs, executor)
    peer = Peer(lab, name)
    print(f"{name}: {peer.versions}\n    {peer.settings}")
    return lambda jobs: _peer(peer, jobs)


def _repeat(lab: Lab, name: str, measure: Measure, jobs: int) -> list[float]:
    lab.clear()
    try:
        times = measure(jobs)
    except (TimeoutError, subprocess.CalledProcessError) as error:
        print(f"  {name} FAILED: {error}", flush=True)
        return []
    _print(name, times)
    return times


def _print(name: str, times: list[float]) -> None:
    if len(times) < 2:
        return
    cuts = statistics.quantiles(times, n=100)
    print(
        f"  {name:18} {len(times):5} jobs   "
        f"p50 {cuts[49]:7.2f} ms   p90 {cuts[89]:7.2f} ms   p99 {cuts[98]:7.2f} ms",
        flush=True,
    )


# ---------------------------------------------------------------- the participants


def _peer(peer: Peer, jobs: int) -> list[float]:
    with peer.start():
        return peer.waits(jobs)


def _jobyard(lab: Lab, jobs: int, executor: str) -> list[float]:
    with lab.worker(JOBYARD_EXECUTOR=executor, BENCH_CLOCK=lab.clock):
        return waits(lambda: _submit(lab), jobs, lab.clock)


def _submit(lab: Lab) -> None:
    lab.store.run(calls.submit([submission("bench_stamp")]))


def _rest(lab: Lab, jobs: int) -> list[float]:
    with (
        lab.services.start("jobyard-scheduler", JOBYARD_NOTIFICATIONS="false"),
        lab.worker(BENCH_CLOCK=lab.clock),
        Rest(lab.services) as rest,
    ):
        rest.wait_for_task("bench_stamp")
        connection = http.client.HTTPConnection("127.0.0.1", rest.port, timeout=30)
        try:
            return waits(lambda: _post(connection), jobs, lab.clock)
        finally:
            connection.close()
            rest.service.end()


def _post(connection: http.client.HTTPConnection) -> None:
    order = json.dumps({"task": "bench_stamp", "queue": "bench"})
    connection.request("POST", "/v1/jobs", order, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    body = reply.read()
    assert reply.status == http.client.CREATED, body


if __name__ == "__main__":
    main()
