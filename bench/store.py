"""What the store pays: bytes a job, and the server's time a call as more and more jobs wait.

    .venv/bin/python bench/store.py [--most 1000000] [--only bytes,growth,queues]

* bytes: ``used_memory`` a job, with a payload of 100 bytes, trace, retry policy and description,
  without and with two tags and a tenant, queued and finished,
  with ``stream-node-max-bytes 256`` and with the server's default; RQ's own jobs beside them;
* growth: microseconds a call (commandstats) of claim, submit and settle at 10^3 to 10^6 waiting;
* queues: the same for a worker of 64 queues beside one of a single queue.

Each figure is the median of several rounds; a round is a number of calls of one kind.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from jobyard.ids import Nonces
from jobyard.retry import RetryPolicy
from jobyard.store import calls
from jobyard.store.records.delivery import Succeeded
from lab import QUEUE, Lab, print_versions, submission, wait_until
from support.processes import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from jobyard.store.records.delivery import Claimed

    Times: TypeAlias = dict[str, list[float]]

_NODES = {
    "stream-node-max-bytes 256": {"stream-node-max-bytes": "256"},
    "server's default, 4096": {"stream-node-max-bytes": "4096"},
}
_PAYLOAD = b'{"text": "' + b"x" * 88 + b'"}'
_METADATA: dict[str, Any] = {
    "meta": {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
    "retry": RetryPolicy.exponential(max_retries=5).to_json(),
    "description": "Sends the invoice of one customer",
}
_TIES: dict[str, Any] = {"tags": ("billing", "eu-west"), "tenant": "acme"}
"""What makes lists of their own grow."""

_WORKER = "bench"
_NONCES = Nonces()
_ROUNDS = 7
_CALLS = 40


def main() -> None:
    arguments = _arguments()
    measures: dict[str, Callable[[argparse.Namespace], None]] = {
        "bytes": _bytes,
        "growth": _growth,
        "queues": _queues,
    }
    with Lab() as lab:
        print_versions(lab)
    for name in arguments.only.split(","):
        measures[name](arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=20_000, help="for bytes; RQ runs a tenth")
    parser.add_argument("--most", type=int, default=1_000_000, help="jobs waiting, for growth")
    parser.add_argument("--only", default="bytes,growth,queues", help="comma list")
    return parser.parse_args()


# ---------------------------------------------------------------- bytes a job


def _bytes(arguments: argparse.Namespace) -> None:
    print("\nbytes a job (here without the append-only file, whose buffers would count)")
    measures = {
        "Jobyard": (_our_bytes, arguments.jobs),
        "tags and tenant": (_our_tied_bytes, arguments.jobs),
        "RQ": (_rq_bytes, arguments.jobs // 10),
    }
    for setting, options in _NODES.items():
        for name, (measure, jobs) in measures.items():
            with Lab({"appendonly": "no", **options}) as lab:
                queued, finished = measure(lab, jobs)
            print(f"  {name:16} {setting:26}: queued {queued:5.0f} B, finished {finished:5.0f} B")


def _our_tied_bytes(lab: Lab, jobs: int) -> tuple[float, float]:
    return _our_bytes(lab, jobs, **_TIES)


def _our_bytes(lab: Lab, jobs: int, **ties: Any) -> tuple[float, float]:
    _join(lab)
    empty = _used(lab)
    lab.submit("bench_noop", jobs, _PAYLOAD, **_METADATA, **ties)
    queued = _used(lab)
    while claimed := _claim(lab, [QUEUE], calls.BATCH):
        _settle(lab, claimed)
    return (queued - empty) / jobs, (_used(lab) - empty) / jobs


def _rq_bytes(lab: Lab, jobs: int) -> tuple[float, float]:
    """Enqueued and run by RQ itself; its worker and its queue are in the first figure's base."""
    from rq import Queue  # noqa: PLC0415 - as the others of its kind, only where it is measured
    from rq.serializers import JSONSerializer  # noqa: PLC0415

    queue = Queue(QUEUE, connection=lab.client, serializer=JSONSerializer)
    empty = _used(lab)
    call = ("bench_plain.take", [_PAYLOAD.decode()])
    queue.enqueue_many([Queue.prepare_data(call[0], args=call[1]) for _ in range(jobs)])
    queued = _used(lab)
    _run_rq(lab)
    wait_until(lambda: int(lab.client.zcard(f"rq:finished:{QUEUE}")), jobs)
    return (queued - empty) / jobs, (_used(lab) - empty) / jobs


def _run_rq(lab: Lab) -> None:
    (lab.folder / "bench_plain.py").write_text('def take(text):\n    """Nothing."""\n')
    command = [
        str(SCRIPTS / "rq"), "worker", QUEUE, "-u", lab.server.url, "--burst", "--quiet",
        "-w", "rq.worker.SimpleWorker", "-S", "rq.serializers.JSONSerializer",
    ]  # fmt: skip
    subprocess.run(command, env=lab.environment, cwd=lab.folder, check=True)


def _used(lab: Lab) -> int:
    time.sleep(0.2)  # what the last calls left in buffers is given back
    return int(lab.client.info("memory")["used_memory"])


# ---------------------------------------------------------------- server's time a call


def _growth(arguments: argparse.Namespace) -> None:
    found: dict[str, Times] = {}
    with Lab() as lab:
        _join(lab)
        waiting, stored = 1000, 0
        while waiting <= arguments.most:
            lab.submit("bench_noop", waiting - stored)
            found[f"{waiting} waiting"] = _times(lab, [QUEUE], [QUEUE])
            waiting, stored = waiting * 10, waiting
    _print_times(found)


def _queues(_: argparse.Namespace) -> None:
    names = [f"queue-{number:02}" for number in range(64)]
    cases = {
        "one queue": ([QUEUE], [QUEUE]),
        "64, jobs in all": (names, names),
        "64, jobs in first": (names, names[:1]),
        "64, jobs in last": (names, names[-1:]),
    }
    found: dict[str, Times] = {}
    for title, (served, filled) in cases.items():
        with Lab() as lab:
            _join(lab)
            for name in filled:
                lab.submit("bench_noop", 6_400 // len(filled), queue=name)
            found[title] = _times(lab, served, filled)
    _print_times(found)


def _times(lab: Lab, served: Sequence[str], filled: Sequence[str]) -> Times:
    """µs a call by kind and round, after a round that loads the scripts."""
    found: Times = {}
    for size in (1, calls.BATCH):
        _round(lab, served, filled, size)
        for _ in range(_ROUNDS):
            for kind, spent in _round(lab, served, filled, size).items():
                found.setdefault(f"{kind} {size}", []).append(spent)
    return found


def _round(lab: Lab, served: Sequence[str], filled: Sequence[str], size: int) -> dict[str, float]:
    """As many are put in as are taken out: the depth stays."""
    batches = [_batch(filled, size) for _ in range(_CALLS)]
    taken: list[Sequence[Claimed]] = []

    def take() -> None:
        taken.append(_claim(lab, served, size))

    return {
        "submit": _time(lab, [partial(_submit, lab, batch) for batch in batches]),
        "claim": _time(lab, [take] * _CALLS),
        "settle": _time(lab, [partial(_settle, lab, claimed) for claimed in taken]),
    }


def _time(lab: Lab, moves: Sequence[Callable[[], None]]) -> float:
    lab.client.config_resetstat()
    for move in moves:
        move()
    stats = lab.client.info("commandstats")
    spent = (stats[name]["usec"] for name in ("cmdstat_eval", "cmdstat_evalsha") if name in stats)
    return float(sum(spent)) / len(moves)


def _print_times(found: dict[str, Times]) -> None:
    print("\nserver µs a call: median of rounds (lowest to highest)")
    print(f"  {'':11}" + "".join(f"{title:>24}" for title in found))
    for kind in next(iter(found.values())):
        cells = [_cell(times[kind]) for times in found.values()]
        print(f"  {kind:11}" + "".join(f"{cell:>24}" for cell in cells), flush=True)


def _cell(rounds: Sequence[float]) -> str:
    return f"{statistics.median(rounds):.0f} ({min(rounds):.0f} to {max(rounds):.0f})"


# ---------------------------------------------------------------- moves


def _join(lab: Lab) -> None:
    lab.store.run(calls.join(_WORKER, pool="bench", slots=8, lease_seconds=36_000.0))


def _batch(queues: Sequence[str], size: int) -> list[Any]:
    return [submission("bench_noop", queue=random.choice(queues)) for _ in range(size)]


def _submit(lab: Lab, batch: Sequence[Any]) -> None:
    lab.store.run(calls.submit(batch))


def _claim(lab: Lab, queues: Sequence[str], limit: int) -> Sequence[Claimed]:
    return lab.store.run(calls.claim(_WORKER, _NONCES.next(), queues, limit)).jobs


def _settle(lab: Lab, claimed: Sequence[Claimed]) -> None:
    now = time.monotonic()
    ended = [
        Succeeded(id=job.id, token=job.token, started=now, ended=now, result=b"null")
        for job in claimed
    ]
    lab.store.run(calls.settle(_WORKER, ended))


if __name__ == "__main__":
    main()
