"""The pure parts of the executors: tempo, orders and answers, settings."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.errors import ConfigurationError
from jobyard.store.records.delivery import Succeeded
from jobyard_worker.delivery import Delivery
from jobyard_worker.executors.nudge import Nudge
from jobyard_worker.executors.order import end_of
from jobyard_worker.executors.ready import Ready
from jobyard_worker.executors.tempo import Tempo
from jobyard_worker.outcome import Ending, Verdict, message_of
from jobyard_worker.settings import WorkerSettings
from support.builders import build_claimed

if TYPE_CHECKING:
    from collections.abc import Sequence


def build_delivery(token: str, queue: str = "q") -> Delivery:
    return Delivery(build_claimed(token, queue=queue, attempts=2))


def tokens(deliveries: Sequence[Delivery]) -> list[str]:
    return [delivery.job.token for delivery in deliveries]


# ---------------------------------------------------------------- tempo


def test_a_task_that_was_not_seen_is_handed_over_alone() -> None:
    tempo = Tempo()
    tempo.note("quick", 0.0001)

    assert tempo.most_in_hand("quick") == 1
    assert tempo.most_in_hand("other") == 1


def test_quick_tasks_are_bundled_and_slow_ones_are_not() -> None:
    tempo = Tempo()
    for _ in range(10):
        tempo.note("quick", 0.0001)
        tempo.note("slow", 0.1)

    assert tempo.most_in_hand("quick") > 10
    assert tempo.most_in_hand("slow") == 1


@given(st.lists(st.floats(0, 100), max_size=50))
def test_a_bundle_is_bounded_whatever_was_seen(seconds: list[float]) -> None:
    tempo = Tempo()

    for run_seconds in seconds:
        tempo.note("task", run_seconds)

    assert 1 <= tempo.most_in_hand("task") <= 32


# ---------------------------------------------------------------- ready, nudge


def test_what_is_put_back_goes_first_in_its_queue() -> None:
    ready = Ready(("high", "low"))
    ready.put([build_delivery("l1", "low"), build_delivery("h1", "high")])
    taken = [ready.take()]

    ready.put([build_delivery("h2", "high")])
    ready.put_back([*taken, build_delivery("h1b", "high")])

    assert tokens(ready.take_all()) == ["h1", "h1b", "h2", "l1"]
    assert ready.try_take() is None


def test_any_number_of_nudges_is_one() -> None:
    nudge = Nudge()

    for _ in range(100_000):  # more than a pipe holds
        nudge.give()
    nudge.quiet()

    nudge.quiet()  # does not wait for more


# ---------------------------------------------------------------- answers


def test_an_answer_becomes_a_success() -> None:
    answer = {"started": 1.0, "ended": 2.0, "result": "5", "journal": [], "follow_ups": []}

    end = end_of(build_delivery("a"), answer)

    assert isinstance(end, Succeeded)
    assert (end.id, end.token, end.attempt) == ("id-a", "a", 3)
    assert (end.started, end.ended, end.result) == (1.0, 2.0, b"5")


def test_an_error_becomes_an_ending() -> None:
    answer = {"started": 1.0, "ended": 2.0, **message_of(ValueError("no"))}

    end = end_of(build_delivery("a"), answer)

    assert isinstance(end, Ending)
    assert (end.verdict, end.error.type, end.error.message) == (Verdict.FAILED, "ValueError", "no")


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("executor", "most"), [("thread", 1_000), ("process", 1_000), ("asyncio", 10_000)]
)
def test_only_an_event_loop_has_thousands_of_slots(
    monkeypatch: pytest.MonkeyPatch, executor: str, most: int
) -> None:
    monkeypatch.setenv("JOBYARD_EXECUTOR", executor)
    monkeypatch.setenv("JOBYARD_CONCURRENCY", str(most))
    assert WorkerSettings.load(_env_file=None).concurrency == most

    monkeypatch.setenv("JOBYARD_CONCURRENCY", str(most + 1))
    with pytest.raises(ConfigurationError, match="JOBYARD_CONCURRENCY"):
        WorkerSettings.load(_env_file=None)


# ---------------------------------------------------------------- the start of a child


def test_a_child_starts_without_what_its_jobs_may_never_need() -> None:
    names = "sorted({'redis', 'rq'} & sys.modules.keys())"
    code = f"import jobyard_worker.child, sys; print({names})"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
