"""What `make bench` keeps of what benches print, and what `make bench-compare` makes of it."""

from __future__ import annotations

import sys

import pytest

from support.processes import TESTS

sys.path.append(str(TESTS.parent / "bench"))  # last: its files have everyday names

from compare import changes
from gather import BEGIN, DOCUMENT, END, chapter, updated
from printed import figures


@pytest.mark.parametrize(
    ("line", "label", "median"),
    [
        ("Jobyard, 8 threads      12243          (11186 to 12496)", "Jobyard, 8 threads", 12243),
        ("  Jobyard                 8759 (8160 to 8999), 110 µs", "Jobyard", 8759),
        ("  ratio to empty FastAPI           1.18 (1.14 to 1.25)", "ratio to empty FastAPI", 1.18),
        ("jobyard / rq: 38.70   (each repetition: 34.70, 43.10)", "jobyard / rq", 38.7),
        ("  start to first claim: median 0.61 s   (0.58 0.61 0.70)", "start to first claim", 0.61),
        ("  Huey    600 jobs   p50    0.82 ms   p99    1.32 ms", "Huey, p99", 1.32),
    ],
)
def test_a_line_with_a_median_and_its_spread_is_a_figure(
    line: str, label: str, median: float
) -> None:
    assert figures(line)[label] == median


def test_other_lines_are_none() -> None:
    assert figures("Python 3.11.7, rq 3.0.0\n\nrepetition 1\n2 CPUs (two)") == {}


def test_figures_that_both_have_are_compared_round_by_round() -> None:
    ours = [{"a": 110.0, "new": 1.0}, {"a": 130.0, "new": 1.0}]
    theirs = [{"a": 100.0}, {"a": 100.0}]

    [row] = changes(ours, theirs)

    assert row.split() == ["a", "100", "120", "1.200", "(1.100", "to", "1.300)"]


def test_a_whole_run_replaces_the_one_before_in_the_document() -> None:
    document = DOCUMENT.read_text()

    once = updated(document, chapter({"worker": "first"}))
    again = updated(once, chapter({"worker": "second"}))

    assert again.startswith(document.partition(BEGIN)[0])
    assert "second" in again
    assert "first" not in again.partition(BEGIN)[2]
    assert again.count(END) == 1
