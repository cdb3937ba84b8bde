"""One bench of this tree and of an earlier commit, in turn, and what changed.

    .venv/bin/python bench/compare.py [--rounds 3] REF [worker --only jobyard --repetitions 1]

The earlier commit is checked out beside this one, with an environment of its own.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from gather import BENCH, run
from printed import figures

TREE = BENCH.parent
_DEFAULT = ["worker", "--only", "jobyard", "--repetitions", "1"]


def main() -> int:
    arguments = _arguments()
    name, *options = arguments.bench or _DEFAULT
    with tempfile.TemporaryDirectory(prefix="jobyard-bench-") as directory:
        other = Path(directory) / "tree"
        _git("worktree", "add", "--detach", str(other), arguments.ref)
        try:
            subprocess.run(["make", "--silent", "install"], cwd=other, check=True)
            _print(*_measure(other, name, options, arguments.rounds), arguments.ref)
        finally:
            _git("worktree", "remove", "--force", str(other))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ref", help="a commit, tag or branch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("bench", nargs=argparse.REMAINDER, help="a bench and its options")
    return parser.parse_args()


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=TREE, check=True, capture_output=True)


def _measure(
    other: Path, name: str, options: list[str], rounds: int
) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """The figures of this tree and of the other one, of each round."""
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(_figures_of(other, name, options))
        ours.append(_figures_of(TREE, name, options))
    return ours, theirs


def _figures_of(tree: Path, name: str, options: list[str]) -> dict[str, float]:
    print(f"\n{tree}", flush=True)
    return figures(run(name, options, tree / "bench", str(tree / ".venv" / "bin" / "python")))


def _print(ours: list[dict[str, float]], theirs: list[dict[str, float]], ref: str) -> None:
    print(f"\n{'':44}{ref:>14}{'now':>14}  ratio of rounds (lowest to highest)")
    for row in changes(ours, theirs):
        print(row)


def changes(ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> list[str]:
    """A line for each figure that all rounds of both have."""
    common = [label for label in ours[0] if all(label in each for each in (*ours, *theirs))]
    return [
        _row(label, [each[label] for each in ours], [each[label] for each in theirs])
        for label in common
    ]


def _row(label: str, ours: list[float], theirs: list[float]) -> str:
    ratios = [mine / its for mine, its in zip(ours, theirs, strict=True) if its]
    shown = (
        f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
        if ratios
        else "-"
    )
    return f"{label:44}{statistics.median(theirs):14.6g}{statistics.median(ours):14.6g}  {shown}"


if __name__ == "__main__":
    sys.exit(main())
