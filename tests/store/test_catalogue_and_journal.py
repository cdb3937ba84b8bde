"""publish, published, journal: the catalogue and the journals."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jobyard.store import calls
from jobyard.store.records.delivery import JournalEntry
from support.builders import build_settlement
from support.scenarios import TASK

if TYPE_CHECKING:
    from support.yard import Yard


def test_published_tasks_come_back_by_name(yard: Yard) -> None:
    tasks = [replace(TASK, name=name, schema={"type": "object", "x": [1]}) for name in ("b", "a")]

    yard.store.run(calls.publish_tasks(tasks))

    assert yard.store.run(calls.published_tasks()) == tasks[::-1]


def test_an_empty_catalogue(yard: Yard) -> None:
    yard.store.run(calls.publish_tasks([]))

    assert yard.store.run(calls.published_tasks()) == []


def test_a_task_published_again_is_replaced_and_the_others_stay(yard: Yard) -> None:
    other, newer = replace(TASK, name="other"), replace(TASK, version="2")
    yard.store.run(calls.publish_tasks([TASK, other]))

    yard.store.run(calls.publish_tasks([newer]))

    assert yard.store.run(calls.published_tasks()) == [newer, other]


def test_a_hundred_tasks_at_once(yard: Yard) -> None:
    tasks = [replace(TASK, name=f"task.{n:03}") for n in range(100)]

    yard.store.run(calls.publish_tasks(tasks))

    assert yard.store.run(calls.published_tasks()) == tasks


def test_a_broken_entry_does_not_hide_the_others(yard: Yard) -> None:
    yard.store.run(calls.publish_tasks([TASK, replace(TASK, name="broken")]))
    yard.client.hset(yard.keys.task("broken"), "record:1", "garbage")

    assert yard.store.run(calls.published_tasks()) == [TASK]


def test_an_unknown_journal_is_empty(yard: Yard) -> None:
    assert yard.store.run(calls.journal("nothing")) == []


def test_a_journal_gives_its_last_lines_oldest_first(yard: Yard) -> None:
    for number, claimed in enumerate(yard.claim_new(*(f"j{n:02}" for n in range(20)))):
        lines = (JournalEntry("notes", f"line {number}"),)
        yard.store.run(calls.settle("w1", [build_settlement("succeeded", claimed, journal=lines)]))

    assert yard.store.run(calls.journal("notes", limit=3)) == ["line 17", "line 18", "line 19"]


def test_lines_of_one_job_may_go_to_several_journals(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    lines = (JournalEntry("a", "1"), JournalEntry("b", "2"), JournalEntry("a", "3"))

    yard.settle("succeeded", claimed, journal=lines)

    assert yard.store.run(calls.journal("a")) == ["1", "3"]
    assert yard.store.run(calls.journal("b")) == ["2"]


def test_a_journal_is_bounded(yard: Yard) -> None:
    lines = tuple(JournalEntry("notes", str(n)) for n in range(1100))
    [claimed] = yard.claim_new("j1")

    yard.settle("succeeded", claimed, journal=lines)

    assert yard.client.xlen(yard.keys.journal("notes")) <= 1000
    assert yard.store.run(calls.journal("notes", limit=5000))[-1] == "1099"
