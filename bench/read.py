"""What reading over REST costs where a thousand and where a million jobs are stored.

Two stores with an API process each, one with few jobs and one with many; the same requests to
both, in turn: a job, and the first page of lists: all, by state, by tag, by tenant. A slice is a
number of requests over one kept connection; printed are the medians of the slices, and of their
ratios: of what a client waits, and of the server's time in the store alone.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from jobyard.ids import Nonces, new_id
from jobyard.store import calls
from jobyard.store.records.delivery import Succeeded
from lab import Lab, print_versions, submission
from support.servers import free_port
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jobyard.store.records.submission import Submission

_QUEUES = ("default", "mail", "reports.high", "reports")
_WORKER = "bench"
_NONCES = Nonces()
_PAYLOAD = b'{"text":"' + b"x" * 88 + b'"}'
_LISTS: Mapping[str, Mapping[str, str]] = {
    "all": {},
    "state=queued": {"state": "queued"},
    "state=succeeded": {"state": "succeeded"},
    "tag": {"tag": "red"},
    "tenant": {"tenant": "acme"},
    "tenant and state": {"tenant": "acme", "state": "queued"},
    "queue": {"queue": "reports"},
}


@dataclass
class Side:
    """One store, its API, and what was measured of them."""

    lab: Lab
    jobs: int
    client: http.client.HTTPConnection
    paths: dict[str, str]
    seconds: dict[str, list[float]] = field(default_factory=dict)
    store_seconds: dict[str, list[float]] = field(default_factory=dict)

    def measure(self, name: str, requests: int) -> None:
        """One slice."""
        self.client.close()  # an idle connection may be gone
        self._ask(name)
        self.lab.client.config_resetstat()
        taken = [self._ask(name) for _ in range(requests)]
        self.seconds.setdefault(name, []).append(statistics.median(taken))
        scripts = self.lab.client.info("commandstats")["cmdstat_evalsha"]
        self.store_seconds.setdefault(name, []).append(scripts["usec"] / scripts["calls"] / 1e6)

    def _ask(self, name: str) -> float:
        before = time.perf_counter()
        self.client.request("GET", self.paths[name])
        reply = self.client.getresponse()
        reply.read()
        if reply.status != http.client.OK:
            raise RuntimeError(f"{name}: {reply.status}")
        return time.perf_counter() - before


def main() -> None:
    arguments = _arguments()
    with contextlib.ExitStack() as stack:
        sides = [stack.enter_context(_side(jobs)) for jobs in (arguments.few, arguments.many)]
        print_versions(sides[0].lab)
        names = list(sides[0].paths)
        for turn in range(arguments.slices + 1):
            for name in names:
                for side in sides if turn % 2 else reversed(sides):
                    side.measure(name, arguments.requests)
        _print(sides, names)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--slices", type=int, default=20)
    parser.add_argument("--requests", type=int, default=40, help="in one slice")
    return parser.parse_args()


@contextlib.contextmanager
def _side(jobs: int) -> Iterator[Side]:
    with Lab() as lab:
        _fill(lab, jobs)
        port = free_port()
        lab.services.start(
            "jobyard-api", JOBYARD_API_PORT=port, JOBYARD_METRICS_PORT=0, JOBYARD_ANY_QUEUE="true"
        )
        wait_for(lambda: _is_ready(port), 60.0)
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        yield Side(lab, jobs, client, _paths(client))
        client.close()


def _is_ready(port: int) -> bool:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.suppress(OSError):
        client.request("GET", "/readyz")
        return client.getresponse().status == http.client.OK
    return False


def _fill(lab: Lab, jobs: int) -> None:
    """Of ten jobs one has succeeded, five are a tenant's, and four have a tag."""
    lab.store.run(calls.join(_WORKER, pool="bench", slots=8, lease_seconds=36_000.0))
    for sent in range(0, jobs, calls.BATCH):
        number = range(sent, min(sent + calls.BATCH, jobs))
        lab.store.run(calls.submit([_job(place) for place in number]))
        taken = lab.store.run(
            calls.claim(_WORKER, _NONCES.next(), ["default"], calls.BATCH // 10)
        ).jobs
        now = time.monotonic()
        ended = [
            Succeeded(id=job.id, token=job.token, started=now, ended=now, result=b"null")
            for job in taken
        ]
        lab.store.run(calls.settle(_WORKER, ended))


def _job(place: int) -> Submission:
    return submission(
        "bench_noop",
        _PAYLOAD,
        id=new_id(),
        queue=_QUEUES[place % len(_QUEUES)],
        tenant="acme" if place % 10 < 5 else "",
        tags=("red",) if place % 10 in {0, 3, 6, 9} else (),
        result_ttl_seconds=86_400,
    )


def _paths(client: http.client.HTTPConnection) -> dict[str, str]:
    client.request("GET", "/v1/jobs")
    newest = json.loads(client.getresponse().read())["jobs"][0]["id"]
    lists = {f"list: {name}": f"/v1/jobs?{urlencode(query)}" for name, query in _LISTS.items()}
    return {"one job": f"/v1/jobs/{newest}", **lists}


def _print(sides: list[Side], names: list[str]) -> None:
    few, many = sides
    print(f"\nms, median of slices; ratio {many.jobs} : {few.jobs} jobs (quartiles)")
    print(f"  {'':20}{'a request':>48}{'in the store':>48}")
    for name in names:
        cells = _cell(few.seconds[name], many.seconds[name])
        in_store = _cell(few.store_seconds[name], many.store_seconds[name])
        print(f"  {name:20}{cells:>48}{in_store:>48}", flush=True)


def _cell(few: list[float], many: list[float]) -> str:
    """The first slice, which warms up, is left out."""
    pairs = zip(few[1:], many[1:], strict=True)
    low, middle, high = statistics.quantiles([more / less for less, more in pairs], n=4)
    times = [statistics.median(side[1:]) * 1000 for side in (few, many)]
    return f"{times[0]:8.3f} {times[1]:8.3f}  {middle:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
