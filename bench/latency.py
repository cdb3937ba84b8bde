"""Milliseconds from a client's POST to the first line of the task, on an idle system.

Run ``.venv/bin/python bench/latency.py``. One API process, one worker, the scheduler, Valkey with
its append-only file on; one job at a time, each after the one before has ended. The task notes the
clock of the machine (``time.monotonic_ns``) as its first line and returns it as its result.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.processes import Services  # noqa: E402
from support.rest import Rest  # noqa: E402
from support.servers import Engine, StoreServer  # noqa: E402
from support.waiting import wait_for  # noqa: E402

TASKS = '''
import time

from jobyard import task

@task
def bench_clock() -> int:
    """The machine's clock at the first line."""
    return time.monotonic_ns()
'''


def main() -> None:
    arguments = _arguments()
    options = {"appendonly": "yes", "appendfsync": "everysec"}
    with (
        tempfile.TemporaryDirectory() as folder,
        StoreServer(Engine.VALKEY, options=options) as server,
    ):
        (Path(folder) / "bench_tasks.py").write_text(TASKS)
        services = Services(Path(folder), {"JOBYARD_REDIS_URL": server.url})
        try:
            waits = _measure(services, folder, arguments.jobs)
        finally:
            services.end()
    _print(sorted(waits))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=500)
    return parser.parse_args()


def _measure(services: Services, folder: str, jobs: int) -> list[float]:
    module = {"JOBYARD_TASK_MODULES": "bench_tasks", "PYTHONPATH": folder}
    services.start("jobyard-scheduler", JOBYARD_NOTIFICATIONS="false")
    services.start("jobyard-worker", JOBYARD_QUEUES="bench", **module)
    with Rest(services) as rest:
        rest.wait_for_task("bench_clock")
        return [_one(rest) for _ in range(jobs + 20)][20:]


def _one(rest: Rest) -> float:
    """Milliseconds of one job; the answer to the POST may well come after the task's start."""
    posted = time.monotonic_ns()
    job = rest.submit("bench_clock", queue="bench")
    ended = wait_for(lambda: _succeeded(rest, job["id"]), interval_seconds=0.002)
    return (int(ended) - posted) / 1e6


def _succeeded(rest: Rest, job_id: str) -> int:
    job = rest.job(job_id)
    return int(job["result"]) if job["state"] == "succeeded" else 0


def _print(waits: list[float]) -> None:
    cuts = statistics.quantiles(waits, n=100)
    print(
        f"POST to the task's first line, {len(waits)} jobs one by one: "
        f"p50 {cuts[49]:.2f} ms   p90 {cuts[89]:.2f} ms   p99 {cuts[98]:.2f} ms"
    )


if __name__ == "__main__":
    main()
