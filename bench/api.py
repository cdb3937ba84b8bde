"""Submissions a second by REST of one API process, beside what it could have been.

    .venv/bin/python bench/api.py [--slices 25] [--seconds 1.5] [--only rate,latency,batch]

* rate: ``POST /v1/jobs`` flat out, beside the endpoints of ``endpoints.py``: plain FastAPI with
  ``queue.enqueue``, in a thread and on the event loop, and FastAPI that does nothing;
* latency: ``POST /v1/jobs`` at half of that rate, each request counted from when it was due,
  beside FastAPI that does nothing at the same rate;
* batch: ``POST /v1/jobs/batch``, beside RQ's ``enqueue_many`` of as many jobs.

The API runs with its defaults: key, metrics and access log are on. All endpoints run under uvicorn
with uvloop and httptools, one process each, on one core; driver and store have the others. Slices
alternate and the store is emptied before each.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from rq import Queue

import cores
from driver import Call, Driver
from jobyard.store.data import PERFORM
from lab import QUEUE, Lab, print_versions
from slices import Participant, alternate, print_rates, spread
from support.rest import Rest
from support.servers import free_port
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

_ORDER = {"task": "add", "payload": {"a": 2, "b": 3}}
_SERVER = (
    "--loop", "uvloop", "--http", "httptools", "--ws", "none", "--lifespan", "on",
    "--no-access-log", "--no-server-header", "--log-level", "warning",
)  # fmt: skip
_BATCH_CONNECTIONS = 4
_KEY = "bench-" + "k" * 32
"""The settings bring it: a key of the store would be gone whenever that is emptied."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A process, and the request that submits one job to it."""

    pid: int
    call: Call


def main() -> None:
    arguments = _arguments()
    chosen = arguments.only.split(",")
    with Lab() as lab, ExitStack() as running:
        print_versions(lab, "fastapi", "starlette", "uvicorn", "uvloop", "httptools", "pydantic")
        cores.share(lab.server.pid)
        ours = _jobyard(lab, running)
        rate = arguments.rate
        if "rate" in chosen:
            rate = _rate(lab, ours, arguments) / 2
        if "latency" in chosen:
            _latency(lab, ours, rate, arguments)
        if "batch" in chosen:
            _batch(lab, ours, arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slices", type=int, default=25, help="of each participant")
    parser.add_argument("--seconds", type=float, default=1.5, help="of one slice")
    parser.add_argument("--connections", type=int, default=48, help="that stay open")
    parser.add_argument("--rate", type=float, default=3000.0, help="for latency without rate")
    parser.add_argument("--jobs", type=int, default=1000, help="in one batch")
    parser.add_argument("--only", default="rate,latency,batch", help="comma list")
    return parser.parse_args()


# ---------------------------------------------------------------- the processes


def _jobyard(lab: Lab, running: ExitStack) -> Endpoint:
    rest = running.enter_context(Rest(lab.services, JOBYARD_BOOTSTRAP_KEY=_KEY))
    cores.measure(rest.service.pid)
    return Endpoint(rest.service.pid, _submission(rest.port, Authorization=f"Bearer {_KEY}"))


def _comparison(lab: Lab, name: str) -> Endpoint:
    port = free_port()
    service = lab.services.start("uvicorn", f"endpoints:{name}", "--port", str(port), *_SERVER)
    wait_for(lambda: _listens(port), 20, service.log)
    cores.measure(service.pid)
    return Endpoint(service.pid, _submission(port))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _submission(port: int, **headers: str) -> Call:
    return Call(port, "/v1/jobs", json.dumps(_ORDER).encode(), HTTPStatus.CREATED, headers)


# ---------------------------------------------------------------- the measurements


def _rate(lab: Lab, ours: Endpoint, arguments: argparse.Namespace) -> float:
    """Prints the table; returns the median of ours."""
    print(f"\nPOST /v1/jobs, flat out over {arguments.connections} connections", flush=True)
    endpoints = {
        "Jobyard": ours,
        "FastAPI + enqueue": _comparison(lab, "plain"),
        "the same, async def": _comparison(lab, "plain_async"),
        "empty FastAPI": _comparison(lab, "empty"),
    }
    participants = [
        Participant(name, each.pid, _flat_out(each.call, arguments.connections))
        for name, each in endpoints.items()
    ]
    alternate(lab, participants, arguments.slices, arguments.seconds)
    print_rates(participants)
    return statistics.median(participants[0].rates)


def _latency(lab: Lab, ours: Endpoint, rate: float, arguments: argparse.Namespace) -> None:
    print(f"\nPOST /v1/jobs, {rate:.0f} a second over {arguments.connections} connections: ms")
    endpoints = {"Jobyard": ours, "empty FastAPI": _comparison(lab, "empty")}
    found: dict[str, list[list[float]]] = {name: [] for name in endpoints}
    for _ in range(arguments.slices):
        for name, each in endpoints.items():
            lab.clear()
            with Driver(each.call, arguments.connections) as driver:
                found[name].append(driver.at_rate(rate, arguments.seconds))
    for name, slices in found.items():
        _print_times(name, slices)


def _print_times(name: str, slices: list[list[float]]) -> None:
    cuts = statistics.quantiles([1e3 * wait for each in slices for wait in each], n=1000)
    of_slices = [1e3 * statistics.quantiles(each, n=100)[98] for each in slices]
    print(
        f"  {name:24}p50 {cuts[499]:.2f}  p90 {cuts[899]:.2f}  p99 {cuts[989]:.2f}  "
        f"p99.9 {cuts[998]:.2f}   p99 of a slice {spread(of_slices, 2)}",
        flush=True,
    )


def _batch(lab: Lab, ours: Endpoint, arguments: argparse.Namespace) -> None:
    jobs = arguments.jobs
    print(f"\nbatches of {jobs}, flat out over {_BATCH_CONNECTIONS} connections", flush=True)
    body = json.dumps({"jobs": [_ORDER] * jobs}).encode()
    call = replace(ours.call, path="/v1/jobs/batch", body=body, status=HTTPStatus.MULTI_STATUS)
    batches = _flat_out(call, _BATCH_CONNECTIONS)
    participants = [
        Participant("Jobyard", ours.pid, lambda seconds: batches(seconds) * jobs),
        Participant("RQ enqueue_many", os.getpid(), lambda seconds: _many(lab, jobs, seconds)),
    ]
    alternate(lab, participants, arguments.slices, arguments.seconds)
    print_rates(participants)


def _flat_out(call: Call, connections: int) -> Callable[[float], float]:
    def measure(seconds: float) -> float:
        with Driver(call, connections) as driver:
            return driver.flat_out(seconds)

    return measure


def _many(lab: Lab, jobs: int, seconds: float) -> float:
    """Jobs a second that RQ's own call stores, from this process."""
    queue, order = Queue(QUEUE, connection=lab.client), tuple(_ORDER.values())
    with cores.measured():
        began = ended = time.perf_counter()
        stored = 0
        while ended - began < seconds:
            queue.enqueue_many([Queue.prepare_data(PERFORM, args=order) for _ in range(jobs)])
            stored, ended = stored + jobs, time.perf_counter()
    return stored / (ended - began)


if __name__ == "__main__":
    main()
