"""What traces cost a job, in processor time: off, at 1 %, and at 100 %, in turns.

    .venv/bin/python bench/tracing.py [--rounds 9] [--jobs 30000] [--only step,worker,api]

* step: to run and settle a job that does nothing, in one thread of this process: only what traces
  add to it is in the difference, so that a busy machine disturbs it least;
* worker: a worker process from the first twentieth of the jobs to the last one;
* api: ``POST /v1/jobs`` flat out, an API process for each mode.

The collector is a process that reads and forgets. The figures are differences to the run without
traces of the same round: median and quartiles, in microseconds a job.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import statistics
import time
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import cores
from driver import Call, Driver
from jobyard.follow_ups import FollowUps
from jobyard.observability.logging import configure_logging
from jobyard.observability.tracing import start_tracing
from jobyard.registry import discover
from jobyard.store import calls
from jobyard.store.data import encode_data
from jobyard.store.records.delivery import Settled
from jobyard_worker.delivery import Delivery
from jobyard_worker.execution import Execution
from jobyard_worker.executors.coroutines import Coroutines
from jobyard_worker.executors.isolated import Isolated
from jobyard_worker.executors.nursery import Nursery
from jobyard_worker.settings import WorkerSettings
from jobyard_worker.traces import TracedExecution, Traces
from lab import Lab, print_versions, submission, wait_until
from slices import Participant, alternate, print_rates, spread
from support.builders import build_claimed
from support.rest import Rest
from support.servers import free_port
from usage import processor, tree_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jobyard.store.records.delivery import Settlement

SHARES = {"off": None, "1 %": 0.01, "100 %": 1.0}
"""How many of the jobs are recorded; None: no traces at all."""

_BATCH = 64
_STEPS = 200
_WARM_SHARE = 0.05
_KEY = "bench-" + "k" * 32
_ORDER = {"task": "add", "payload": {"a": 2, "b": 3}}


def main() -> None:
    arguments = _arguments()
    chosen = arguments.only.split(",")
    with _collector() as url:
        if "step" in chosen:
            _in_steps(url, arguments.rounds)
        with Lab() as lab:
            print_versions(lab, "opentelemetry-sdk")
            if "worker" in chosen:
                _in_workers(lab, url, arguments)
            if "api" in chosen:
                _in_apis(lab, url, arguments.rounds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--jobs", type=int, default=30_000, help="of one run of a worker")
    parser.add_argument("--only", default="step,worker,api", help="comma list")
    return parser.parse_args()


# ---------------------------------------------------------------- the collector


class _Forgetful(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:  # type: ignore[explicit-override]  # typing.override comes with Python 3.12
        """Nothing."""


@contextmanager
def _collector() -> Iterator[str]:
    port = free_port()
    process = multiprocessing.Process(target=_collect, args=(port,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.join()


def _collect(port: int) -> None:
    ThreadingHTTPServer(("127.0.0.1", port), _Forgetful).serve_forever()


def _environment(url: str, share: float | None) -> dict[str, str]:
    if share is None:
        return {}
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": str(share),
    }


def _trace(share: float | None) -> str:
    """As an API that records that share of its requests writes it."""
    if share is None:
        return ""
    is_sampled = random.random() < share
    return f"00-{random.getrandbits(128):032x}-{random.getrandbits(64):016x}-0{is_sampled:d}"


# ---------------------------------------------------------------- step


def _in_steps(url: str, rounds: int) -> None:
    os.environ.update(_environment(url, 1.0))
    tracer = start_tracing("worker")
    assert tracer is not None
    traces = Traces(tracer)
    settings = WorkerSettings.load(_env_file=None)
    configure_logging("worker", settings)
    plain, traced = _execution(settings, Execution), _execution(settings, TracedExecution, traces)
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for _ in range(_STEPS):
            for name, share in SHARES.items():
                used = _step(plain if share is None else traced, share, traces)
                found[name].append(used)
    tracer.close()
    print("\nto run and settle a job in one thread (the quickest tenth of the batches, and all)")
    for name, used_us in found.items():
        tenth = statistics.quantiles(used_us, n=10)[0]
        print(f"  {name:8}{tenth:7.2f} µs   {spread(used_us, 2)}")
    print("  the quickest tenths over that without traces:", end="")
    least = {name: statistics.quantiles(used_us, n=10)[0] for name, used_us in found.items()}
    print(", ".join(f"  {name}: {us - least['off']:+.2f} µs" for name, us in least.items()))
    _print_differences(found)


def _execution(settings: WorkerSettings, kind: Callable[..., Execution], *first: Any) -> Execution:
    registry = discover(())
    isolation = Isolated(Nursery(kill_seconds=1.0, report=lambda _: None))
    return kind(
        *first,
        registry,
        isolation,
        crash_budget=3,
        max_result_bytes=settings.max_result_bytes,
        report=id,
        follow_ups=FollowUps(registry, settings),
    )


def _step(execution: Execution, share: float | None, traces: Traces) -> float:
    """Microseconds a job of one batch, as many as the store settles at once."""
    data, coroutines = encode_data("add", b'{"a":2,"b":3}'), Coroutines()
    claimed = [
        build_claimed(data=data, task="add", trace=_trace(share).encode()) for _ in range(_BATCH)
    ]
    replies = [Settled.DONE] * _BATCH
    began = time.thread_time()
    batch: list[tuple[Delivery, Settlement]] = []
    for job in claimed:
        delivery = Delivery(job)
        batch.append((delivery, execution.run(delivery, coroutines)))
    if share is not None:
        traces.note("worker", batch, replies)
    return (time.thread_time() - began) / _BATCH * 1e6


# ---------------------------------------------------------------- worker


def _in_workers(lab: Lab, url: str, arguments: argparse.Namespace) -> None:
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(arguments.rounds):
        for name, share in SHARES.items():
            lab.clear()
            found[name].append(_work(lab, url, arguments.jobs, share))
    print(f"\na worker, {arguments.jobs} jobs that do nothing, its process and all below it")
    for name, used_us in found.items():
        print(f"  {name:8}{spread(used_us, 1)} µs")
    _print_differences(found)


def _work(lab: Lab, url: str, jobs: int, share: float | None) -> float:
    for sent in range(0, jobs, calls.BATCH):
        number = min(calls.BATCH, jobs - sent)
        batch = [submission("bench_noop", trace=_trace(share)) for _ in range(number)]
        lab.store.run(calls.submit(batch))
    with lab.worker(**_environment(url, share)) as service:
        first, _ = wait_until(lab.finished, int(jobs * _WARM_SHARE))
        pids = tree_of(service)
        before = processor(pids)
        last, _ = wait_until(lab.finished, jobs)
        return (processor(pids) - before).total / (last - first) * 1e6


# ---------------------------------------------------------------- api


def _in_apis(lab: Lab, url: str, rounds: int) -> None:
    print("\nPOST /v1/jobs, flat out over 48 connections", flush=True)
    with ExitStack() as running:
        cores.share(lab.server.pid)
        participants = [
            _api(lab, running, name, _environment(url, share)) for name, share in SHARES.items()
        ]
        alternate(lab, participants, rounds * 2, 1.0)
    print_rates(participants)
    _print_differences({each.name: each.used_us for each in participants})


def _api(lab: Lab, running: ExitStack, name: str, env: dict[str, str]) -> Participant:
    rest = running.enter_context(Rest(lab.services, JOBYARD_BOOTSTRAP_KEY=_KEY, **env))
    cores.measure(rest.service.pid)
    call = Call(rest.port, "/v1/jobs", json.dumps(_ORDER).encode(), HTTPStatus.CREATED)
    call = replace(call, headers={"Authorization": f"Bearer {_KEY}"})

    def measure(seconds: float) -> float:
        with Driver(call, 48) as driver:
            return driver.flat_out(seconds)

    return Participant(name, rest.service.pid, measure)


def _print_differences(found: dict[str, list[float]]) -> None:
    off: Sequence[float] = found["off"]
    for name, used_us in found.items():
        if name != "off":
            pairs = [mine - its for mine, its in zip(used_us, off, strict=True)]
            print(f"  {name} over off: {spread(pairs, 2)} µs a job", flush=True)


if __name__ == "__main__":
    main()
