"""Prints what our signal and queue length alone come to, at equal cost: five workloads.

    PYTHONPATH=loadtest .venv/bin/python -m model.compare [--seed 1]

Exit code 1 where ours waits longer on any, or is not better on most.
"""

from __future__ import annotations

import argparse
import sys

from jobyard_cli.model.comparison import Compared, cases, compare

_SHARE = 0.95
_ROW = "{:<30} {:>7} {:>7} {:>7} {:>9} {:>9} {:>6} {:>6}\n"


def main() -> int:
    """Runs them all."""
    parser = argparse.ArgumentParser(prog="model.compare", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    seed = parser.parse_args().seed
    sys.stdout.write(
        "p95 wait in seconds; pod-minutes; workers told to leave while they had jobs; killed\n"
    )
    heads = ("workload", "ours", "queue", "pod-min", "left busy", "queue", "killed", "queue")
    sys.stdout.write(_ROW.format(*heads))
    worse = better = 0
    for case in cases(seed):
        compared = compare(case)
        mine, theirs = compared.ours.wait(_SHARE), compared.queue_length_wait(_SHARE)
        worse, better = worse + (mine > theirs), better + (mine < theirs)
        sys.stdout.write(_row(compared))
        sys.stdout.flush()
    sys.stdout.write(f"better on {better}, worse on {worse}\n")
    return int(worse > 0 or better <= 2)


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
