"""Submitted jobs by queue and task: closed sets, whatever clients make up."""

from __future__ import annotations

from jobyard.observability.metrics import OTHER
from jobyard.observability.submissions import MOST, Submissions


def test_a_lane_counts_as_its_queue() -> None:
    submissions = Submissions()

    for lane in ("mail.high", "mail", "mail.low"):
        submissions.note(lane, "send")

    assert submissions.counter.read() == {("mail", "send"): 3}


def test_a_task_that_is_not_known_is_not_told_apart() -> None:
    submissions = Submissions({"add"}.__contains__)

    submissions.note("q", "add")
    submissions.note("q", "made_up")

    assert submissions.counter.read() == {("q", "add"): 1, ("q", OTHER): 1}


def test_names_that_clients_make_up_do_not_grow_without_bound() -> None:
    submissions = Submissions()

    for number in range(3 * MOST):
        submissions.note(f"tenant-{number}", "send")

    counts = submissions.counter.read()
    assert len(counts) == MOST + 1
    assert counts[OTHER, OTHER] == 2 * MOST
