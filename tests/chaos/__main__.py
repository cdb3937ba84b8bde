"""``python -m chaos``: runs the plan, prints the table, and fails when a promise was broken."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from chaos import plan, proof
from chaos.table import Row, complaints, render
from support.servers import Engine

_TERMINATED = 128 + signal.SIGTERM
"""An exit, not a death: whatever was started is ended on the way out."""


def main() -> int:
    """0 when all promises held."""
    arguments = _arguments()
    _forget_settings()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    if arguments.guards:
        return proof.prove(arguments.only, _say)
    chosen = plan.Plan(
        seed=arguments.seed,
        points=arguments.points,
        executors=arguments.executor.split(","),
        engine=Engine(arguments.engine),
        only=arguments.only,
        lanes=arguments.lanes,
        say=_say,
    )
    return _report(_collected(chosen), chosen)


def _collected(chosen: plan.Plan) -> list[Row]:
    rows = []
    for row in chosen.rows():
        rows.append(row)
        _say(" | ".join(row.cells()))
    return rows


def _report(rows: list[Row], chosen: plan.Plan) -> int:
    sys.stdout.write(f"\nseed {chosen.seed}, {chosen.engine}\n{render(rows)}\n")
    for text in complaints(rows):
        sys.stdout.write(f"\n{text}\n")
    broken = [row for row in rows if not row.verdict.is_clean]
    sys.stdout.write(f"\n{len(rows)} scenarios, {len(broken)} with a broken promise\n")
    return 1 if broken or not rows else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn")
    parser.add_argument("--points", type=int, default=0, help="of each sweep; 0: all (default)")
    parser.add_argument(
        "--executor", default=",".join(plan.EXECUTORS), help="comma list (default: all there are)"
    )
    parser.add_argument("--engine", choices=[*Engine], default="valkey", help="the server")
    parser.add_argument("--only", default="", help="scenarios, or guards, with this in their name")
    parser.add_argument("--lanes", type=int, default=6, help="workers that are killed at a time")
    parser.add_argument(
        "--guards", action="store_true", help="switch each guard off and see what goes red"
    )
    return parser.parse_args()


def _forget_settings() -> None:
    """The settings of whoever runs this must not decide how it ends."""
    for name in [name for name in os.environ if name.startswith(("JOBYARD_", "REDIS_URL"))]:
        if not name.startswith("JOBYARD_CHAOS_"):
            del os.environ[name]


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
