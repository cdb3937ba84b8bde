"""What large payloads and results cost, kept apart from their jobs and not; and a look at a budget.

    .venv/bin/python bench/large.py [--jobs 200] [--most 100000]

* apart: bytes of the store a job with 200 kB of payload and as much of result, and bytes that the
  server sends for a page of 100 of them; beside it the same with everything in hash and results;
* budget: the server's milliseconds for one look of the trimmer (trim.lua) at a queue with 10^3 to
  10^5 ended jobs, and for one that forgets 200 of them.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from typing import TYPE_CHECKING

from jobyard.ids import Nonces
from jobyard.store import calls
from jobyard.store.apart import LARGE_BYTES
from jobyard.store.records.delivery import Succeeded
from lab import QUEUE, Lab, print_versions, submission

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORKER = "bench"
_NONCES = Nonces()
_PAGE = 100
_CHUNK = 200
_LOOKS = 15
_NEVER = 1 << 40


def main() -> None:
    arguments = _arguments()
    print(f"\n{arguments.jobs} jobs, 200 kB of payload and of result each")
    for title, large_bytes in (("kept apart", LARGE_BYTES), ("in hash and results", _NEVER)):
        with Lab({"appendonly": "no"}) as lab:
            _print_bytes(lab, title, arguments.jobs, large_bytes)
    print("\nserver ms of one call of trim: median (lowest to highest)")
    with Lab({"appendonly": "no"}) as lab:
        print_versions(lab)
        _print_looks(lab, arguments.most)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=200, help="for apart")
    parser.add_argument("--most", type=int, default=100_000, help="ended jobs, for budget")
    return parser.parse_args()


def _print_bytes(lab: Lab, title: str, jobs: int, large_bytes: int) -> None:
    empty = _used(lab)
    text = _rows()
    for _ in range(0, jobs, 10):
        batch = [submission("bench_noop", text) for _ in range(10)]
        lab.store.run(calls.submit(batch, large_bytes=large_bytes))
    queued = _used(lab)
    _work_off(lab, text, large_bytes)
    finished, page = _used(lab), _page_bytes(lab)
    print(
        f"  {title:20}: queued {(queued - empty) / jobs:8.0f} B, "
        f"finished {(finished - empty) / jobs:8.0f} B, a page of {_PAGE} jobs {page:10} B"
    )


def _print_looks(lab: Lab, most: int) -> None:
    ended, wanted = 0, 1_000
    while wanted <= most:
        lab.submit("bench_noop", wanted - ended)
        _work_off(lab, b"null", LARGE_BYTES)
        looks = [_trim(lab, 0) for _ in range(_LOOKS)]
        print(f"  {wanted:7} ended: a look {_cell(looks)}", flush=True)
        ended, wanted = wanted, wanted * 10
    forgets = [_trim(lab, 1) for _ in range(_LOOKS)]
    print(f"  {ended:7} ended: {_CHUNK} forgotten {_cell(forgets)}")


def _work_off(lab: Lab, result: bytes, large_bytes: int) -> None:
    lab.store.run(calls.join(_WORKER, pool="bench", slots=8, lease_seconds=36_000.0))
    while jobs := lab.store.run(calls.claim(_WORKER, _NONCES.next(), [QUEUE], calls.BATCH)).jobs:
        now = time.monotonic()
        ends = [
            Succeeded(id=job.id, token=job.token, started=now, ended=now, result=result)
            for job in jobs
        ]
        for at in range(0, len(ends), 10):
            lab.store.run(calls.settle(_WORKER, ends[at : at + 10], large_bytes=large_bytes))


def _page_bytes(lab: Lab) -> int:
    before = _sent(lab)
    lab.store.run(calls.list_jobs(QUEUE, limit=_PAGE))
    return _sent(lab) - before


def _trim(lab: Lab, budget: int) -> float:
    lab.client.config_resetstat()
    lab.store.run(calls.trim(QUEUE, budget_bytes=budget, limit=_CHUNK))
    stats = lab.client.info("commandstats")
    spent = (stats[name]["usec"] for name in ("cmdstat_eval", "cmdstat_evalsha") if name in stats)
    return float(sum(spent)) / 1000


def _sent(lab: Lab) -> int:
    return int(lab.client.info("stats")["total_net_output_bytes"])


def _used(lab: Lab) -> int:
    time.sleep(0.2)  # what the last calls left in buffers is given back
    return int(lab.client.info("memory")["used_memory"])


def _cell(times: Sequence[float]) -> str:
    return f"{statistics.median(times):.2f} ({min(times):.2f} to {max(times):.2f})"


def _rows() -> bytes:
    """Records as a service might send them: they shrink to a fifth."""
    draw = random.Random(1)
    rows = [
        {"id": number, "customer": f"customer {draw.randrange(500)}", "amount": draw.random()}
        for number in range(3_000)
    ]
    return json.dumps({"rows": rows}).encode()


if __name__ == "__main__":
    main()
