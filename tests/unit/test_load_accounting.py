"""The books of a load test: every acknowledged job is found, in one state, or it is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadlab.accounting import Books
from loadlab.files import ACKNOWLEDGED, LEDGER, OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    """Of a run whose ledger was kept."""
    (tmp_path / LEDGER).touch()
    books = Books(tmp_path)
    yield books
    books.close()


def acknowledge(directory: Path, *ids: str, task: str = "load.sleep") -> None:
    lines = [f"{job_id} 100.0 {task}\n" for job_id in ids]
    (directory / ACKNOWLEDGED).write_text("".join(lines))


def tell(directory: Path, **states: str) -> None:
    lines = [f"{job_id} {state} 100.5\n" for job_id, state in states.items()]
    (directory / OUTCOMES).write_text("".join(lines))


def note(directory: Path, *events: str) -> None:
    (directory / LEDGER).write_text("".join(f"{event} token 1.0\n" for event in events))


def test_a_job_that_ran_once_and_succeeded_is_in_order(books: Books, tmp_path: Path) -> None:
    acknowledge(tmp_path, "a")
    tell(tmp_path, a="succeeded")
    note(tmp_path, "start a", "end a")
    books.load()

    account = books.account()

    assert (account.acknowledged, account.succeeded, account.lost) == (1, 1, 0)
    assert (account.doubled, account.rescued) == (0, 0)


def test_a_job_that_the_yard_does_not_know_is_lost(books: Books, tmp_path: Path) -> None:
    acknowledge(tmp_path, "a", "b")
    tell(tmp_path, a="failed")
    books.load()

    open_jobs = books.ask({"b": "unknown"}.get)

    account = books.account()
    assert open_jobs == 0
    assert (account.failed, account.lost, account.lost_ids) == (1, 1, ["b"])


def test_a_job_that_succeeded_without_having_run_is_lost(books: Books, tmp_path: Path) -> None:
    acknowledge(tmp_path, "a", "b")
    tell(tmp_path, a="succeeded", b="succeeded")
    note(tmp_path, "start a", "end a", "start b")
    books.load()

    account = books.account()

    assert (account.succeeded, account.lost, account.lost_ids) == (1, 1, ["b"])


def test_a_task_that_keeps_no_ledger_is_believed(books: Books, tmp_path: Path) -> None:
    acknowledge(tmp_path, "a", task="random_number")
    tell(tmp_path, a="succeeded")
    books.load()

    assert books.account().succeeded == 1


def test_a_job_that_ran_again_is_rescued_and_one_that_ended_again_is_doubled(
    books: Books, tmp_path: Path
) -> None:
    acknowledge(tmp_path, "a", "b")
    tell(tmp_path, a="succeeded", b="succeeded")
    note(tmp_path, "start a", "start a", "end a", "start b", "end b", "start b", "end b")
    books.load()

    account = books.account()

    assert (account.rescued, account.doubled, account.lost) == (2, 1, 0)


def test_what_is_open_is_asked_for_again_until_it_has_ended(books: Books, tmp_path: Path) -> None:
    acknowledge(tmp_path, "a", "b")
    books.load()

    assert books.ask({"a": "running"}.get) == 2
    assert (books.account().waiting, books.account().unanswered) == (1, 1)
    assert books.ask({"a": "canceled", "b": "expired"}.get) == 0
    assert (books.account().canceled, books.account().expired) == (1, 1)


def test_without_a_ledger_nothing_is_said_about_second_runs(tmp_path: Path) -> None:
    acknowledge(tmp_path, "a")
    tell(tmp_path, a="succeeded")
    books = Books(tmp_path)
    books.load()

    account = books.account()
    books.close()

    assert (account.succeeded, account.doubled, account.rescued) == (1, None, None)


def test_jobs_of_others_do_not_count(books: Books, tmp_path: Path) -> None:
    acknowledge(tmp_path, "a")
    tell(tmp_path, a="succeeded", foreign="failed")
    note(tmp_path, "start a", "end a", "start foreign", "start foreign")
    books.load()

    account = books.account()

    assert (account.acknowledged, account.failed, account.rescued) == (1, 0, 0)


def test_the_time_to_the_end_of_rescued_jobs_is_kept_apart(books: Books, tmp_path: Path) -> None:
    acknowledge(tmp_path, "a", "b")
    (tmp_path / OUTCOMES).write_text("a succeeded 100.5\nb succeeded 131.0\n")
    note(tmp_path, "start a", "end a", "start b", "start b", "end b")
    books.load()

    once, again = books.end_to_end()

    assert once.quantile(1.0) == pytest.approx(500_000, rel=0.016)
    assert again.quantile(1.0) == pytest.approx(31_000_000, rel=0.016)
    assert [(second, each.total) for second, each in books.seconds(98.0)] == [(2, 1)]
    assert books.ended(98.0) == [(2, 1), (33, 1)]
