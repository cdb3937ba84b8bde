"""Writes dashboards and rules into the chart, or into another folder, or with shorter times."""

from __future__ import annotations

import argparse
from pathlib import Path

from monitoring.dashboard import text_of
from monitoring.dashboards import DASHBOARDS
from monitoring.rule import yaml_of
from monitoring.rules import GROUPS

CHART = Path(__file__).resolve().parents[1] / "jobyard"
RUNBOOKS = "docs/runbooks"


def files(factor: float = 1, runbooks: str = RUNBOOKS) -> dict[str, str]:
    """All files with their paths in the chart. ``factor`` is for all durations of the rules."""
    boards = {f"dashboards/{board.name}.json": text_of(board) for board in DASHBOARDS}
    return {**boards, "rules/jobyard.yaml": yaml_of(GROUPS, factor, runbooks)}


def main() -> None:
    """Writes them all."""
    arguments = _read_arguments()
    for name, text in files(arguments.factor, arguments.runbooks).items():
        path = arguments.into / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m monitoring", description=__doc__)
    parser.add_argument("--into", type=Path, default=CHART, help="the folder [the chart]")
    parser.add_argument(
        "--factor", type=float, default=1, help="makes all durations of the rules shorter [1]"
    )
    parser.add_argument(
        "--runbooks", default=RUNBOOKS, help="where the runbooks are read, without the last /"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
