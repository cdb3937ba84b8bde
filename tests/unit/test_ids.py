"""Ids that sort by the time they were made."""

from __future__ import annotations

import os
import re
import time
import uuid

import pytest

from jobyard.ids import new_id
from jobyard.queues import JOB_ID_PATTERN


def test_an_id_is_a_uuid_of_version_7() -> None:
    made = uuid.UUID(new_id())

    assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_an_id_is_a_job_id() -> None:
    assert re.match(JOB_ID_PATTERN, new_id())


def test_an_id_carries_the_time_in_milliseconds() -> None:
    before = time.time_ns() // 1_000_000

    made = uuid.UUID(new_id()).int >> 80

    assert before <= made <= time.time_ns() // 1_000_000


def test_later_ids_sort_later(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(10**18, 10**18 + 10**9, 10**6))
    monkeypatch.setattr(time, "time_ns", lambda: next(moments))

    made = [new_id() for _ in range(1_000)]

    assert made == sorted(made)


def test_ids_do_not_repeat() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_many_ids_are_all_different() -> None:
    made = [new_id() for _ in range(10_000)]

    assert len(set(made)) == 10_000
    assert all(uuid.UUID(each).version == 7 for each in made)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_process_that_was_forked_makes_other_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 10**18)
    new_id()
    reading, writing = os.pipe()

    child = os.fork()
    if child == 0:
        os.write(writing, new_id().encode())
        os._exit(0)
    theirs = os.read(reading, 36).decode()
    os.waitpid(child, 0)

    assert theirs not in {new_id() for _ in range(1_000)}
