"""Prints what our signal and queue length alone come to, at equal cost: five workloads.

    PYTHONPATH=loadtest .venv/bin/python -m model.compare [--seed 1]
    PYTHONPATH=loadtest .venv/bin/python -m model.compare --only 'bursts, 2 s' --latency-target 30

Exit code 1 where ours waits longer on any, or is not better on most.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from jobyard_cli.model.comparison import Case, Compared, cases, compare

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHARE = 0.95
_ROW = "{:<30} {:>7} {:>7} {:>7} {:>9} {:>9} {:>6} {:>6}\n"


def main() -> int:
    """Runs them all."""
    parser = argparse.ArgumentParser(prog="model.compare", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="workloads whose name has this")
    parser.add_argument("--latency-target", type=float, help="seconds, instead of each one's own")
    arguments = parser.parse_args()
    sys.stdout.write(
        "p95 wait in seconds; pod-minutes; workers told to leave while they had jobs; killed\n"
    )
    heads = ("workload", "ours", "queue", "pod-min", "left busy", "queue", "killed", "queue")
    sys.stdout.write(_ROW.format(*heads))
    looked_at = worse = better = 0
    for case in _chosen(arguments):
        looked_at += 1
        compared = compare(case)
        mine, theirs = compared.ours.wait(_SHARE), compared.queue_length_wait(_SHARE)
        worse, better = worse + (mine > theirs), better + (mine < theirs)
        sys.stdout.write(_row(compared))
        sys.stdout.flush()
    sys.stdout.write(f"better on {better}, worse on {worse}\n")
    return int(worse > 0 or 2 * better <= looked_at)


def _chosen(arguments: argparse.Namespace) -> Iterator[Case]:
    for case in cases(arguments.seed):
        if arguments.only in case.workload.name:
            seconds = arguments.latency_target or case.latency_target_seconds
            yield replace(case, latency_target_seconds=seconds)


def _row(compared: Compared) -> str:
    ours, queue = compared.ours, compared.dearer
    return _ROW.format(
        compared.name,
        f"{ours.wait(_SHARE):.1f}",
        f"{compared.queue_length_wait(_SHARE):.1f}",
        f"{ours.pod_minutes:.0f}",
        ours.stopped_busy,
        queue.stopped_busy,
        ours.killed,
        queue.killed,
    )


if __name__ == "__main__":
    sys.exit(main())
