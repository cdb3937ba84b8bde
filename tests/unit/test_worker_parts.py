"""The pure parts of the worker: pace, drain, backoff, ready, hands, names, settings."""

from __future__ import annotations

import asyncio
import random
import re
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.errors import ConfigurationError, JobCanceledError
from jobyard_worker.backoff import Backoff
from jobyard_worker.delivery import Delivery
from jobyard_worker.drain import Drain
from jobyard_worker.executors.coroutines import Watched
from jobyard_worker.executors.ready import Ready
from jobyard_worker.hands import Hands
from jobyard_worker.identity import new_worker_name
from jobyard_worker.pace import Pace
from jobyard_worker.pulse import Pulse
from jobyard_worker.settings import WorkerSettings
from jobyard_worker.stop import Stop
from jobyard_worker.wake import Wake
from support.builders import build_claimed

if TYPE_CHECKING:
    from collections.abc import Sequence


_FOR_EVER = 1_000_000.0


def build_delivery(token: str, queue: str = "default") -> Delivery:
    return Delivery(build_claimed(token, queue=queue))


def tokens(deliveries: Sequence[Delivery]) -> list[str]:
    return [delivery.job.token for delivery in deliveries]


# ---------------------------------------------------------------- pace


def test_nothing_is_claimed_ahead_before_jobs_were_seen() -> None:
    assert Pace().look_ahead(1.0) == 0


def test_as_many_are_claimed_ahead_as_end_within_the_horizon() -> None:
    pace = Pace()
    pace.begin(10.0)

    pace.note([0.001] * 8, 10.01)

    assert pace.look_ahead(10.01) == 40


def test_slots_that_long_jobs_keep_do_not_count() -> None:
    pace = Pace()
    pace.begin(10.0)
    pace.note([0.001] * 8, 10.002)
    many = pace.look_ahead(10.002)

    for turn in range(100):
        pace.note([0.001], 10.002 + (turn + 1) * 0.005)

    assert many == 128
    assert pace.look_ahead(10.502) in (9, 10)


def test_where_nothing_ends_any_more_nothing_is_claimed_ahead() -> None:
    pace = Pace()
    pace.begin(10.0)
    pace.note([0.001] * 100, 10.1)

    assert pace.look_ahead(10.1) > 0
    assert pace.look_ahead(10.5) == 0


def test_a_rest_says_nothing_of_the_rate() -> None:
    pace = Pace()
    pace.begin(10.0)
    pace.note([0.001] * 8, 10.002)

    pace.begin(500.0)
    pace.note([0.001] * 8, 500.01)

    assert pace.look_ahead(500.01) == 40


def test_slow_jobs_are_not_claimed_ahead() -> None:
    pace = Pace()
    pace.begin(10.0)
    pace.note([0.001] * 100, 10.1)

    pace.note([1.0] * 5, 10.2)

    assert pace.look_ahead(10.2) == 0


def test_late_starters_end_the_look_ahead() -> None:
    pace = Pace()
    pace.begin(10.0)
    pace.note([0.001] * 100, 10.1)

    pace.slow_down()

    assert pace.look_ahead(10.1) == 0


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=50))
def test_the_look_ahead_is_bounded_whatever_was_seen(seen: list[tuple[float, float]]) -> None:
    pace, now = Pace(), 10.0
    pace.begin(now)

    for run_seconds, apart_seconds in seen:
        now += apart_seconds
        pace.note([run_seconds], now)

    assert 0 <= pace.look_ahead(now) <= 128


# ---------------------------------------------------------------- drain


@pytest.mark.parametrize(("grace", "let_go"), [(30, 25), (10, 5), (4, 2), (0.5, 0.25), (60, 55)])
def test_what_runs_is_let_go_in_time(grace: float, let_go: float) -> None:
    drain = Drain(since=100.0, grace_seconds=grace)

    assert drain.let_go_at == 100 + let_go
    assert drain.may_run(100 + let_go - 0.01)
    assert not drain.may_run(100 + let_go)


@given(st.floats(0.1, 3600))
def test_a_drain_is_over_before_the_grace(grace: float) -> None:
    drain = Drain(since=0.0, grace_seconds=grace)

    assert drain.let_go_at < drain.leave_at, "what was let go can still be given back"
    assert drain.leave_at < drain.cut_off_at < grace
    assert not drain.may_ask(drain.leave_at)


# ---------------------------------------------------------------- backoff


def test_waits_double_up_to_two_seconds_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(lambda: 1.0)

    waits = [backoff.next_seconds() for _ in range(7)]
    backoff.reset()

    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0])
    assert backoff.next_seconds() == pytest.approx(0.1)


def test_waits_are_spread() -> None:
    waits = {Backoff(random.Random(seed).random).next_seconds() for seed in range(20)}

    assert len(waits) > 10
    assert all(0.05 <= wait <= 0.1 for wait in waits)


# ---------------------------------------------------------------- ready and hands


def test_an_earlier_queue_goes_first_and_a_queue_keeps_its_order() -> None:
    ready = Ready(("high", "low"))

    ready.put([build_delivery("l1", "low"), build_delivery("l2", "low")])
    ready.put([build_delivery("h1", "high"), build_delivery("h2", "high")])

    assert len(ready) == 4
    assert tokens([ready.take(), ready.take()]) == ["h1", "h2"]
    assert tokens(ready.take_all()) == ["l1", "l2"]
    assert len(ready) == 0


def test_lanes_of_a_queue_go_from_high_to_low() -> None:
    ready = Ready(("a", "b"))

    for lane in ("b.high", "a.low", "a", "a.high"):
        ready.put([build_delivery(lane, lane)])

    assert tokens(ready.take_all()) == ["a.high", "a", "a.low", "b.high"]


def test_each_delivery_is_taken_once_by_many_takers() -> None:
    ready = Ready(("high", "low"))
    taken: list[str] = []

    def take() -> None:
        taken.extend(ready.take().job.token for _ in range(250))

    takers = [threading.Thread(target=take) for _ in range(4)]
    for taker in takers:
        taker.start()
    for number in range(1000):
        ready.put([build_delivery(str(number), "high" if number % 3 else "low")])
    for taker in takers:
        taker.join(10)

    assert sorted(map(int, taken)) == list(range(1000))


def test_a_repeated_claim_brings_nothing_twice() -> None:
    hands = Hands()
    jobs = [build_delivery("a").job, build_delivery("b").job]

    first, second = hands.take(jobs[:1]), hands.take(jobs)

    assert (tokens(first), tokens(second)) == (["a"], ["b"])


def test_a_cancel_reaches_the_context_and_the_child() -> None:
    hands = Hands()
    (delivery,) = hands.take([build_delivery("a").job])
    event, reasons = delivery.cancel_event(), list[Stop]()
    delivery.stop = reasons.append

    hands.cancel(["a", "unknown"])
    hands.cancel(["a"])

    assert event.is_set()
    assert reasons == [Stop.CANCEL]


def test_a_cancel_before_the_start_is_seen_at_the_start() -> None:
    delivery = build_delivery("a")

    delivery.cancel()

    assert delivery.is_canceled
    assert delivery.cancel_event().is_set()


def test_orphans_are_let_go_in_the_order_of_their_claims() -> None:
    hands = Hands()
    hands.take([build_delivery(token).job for token in "abc"])

    orphans = hands.orphan()

    assert tokens(orphans) == ["a", "b", "c"]
    assert all(orphan.is_orphaned for orphan in orphans)
    assert len(hands) == 0


def test_a_cancel_that_came_before_there_was_anything_to_stop_is_not_lost() -> None:
    delivery, told = build_delivery("a"), list[Stop]()
    delivery.cancel()

    delivery.stop_by(told.append)

    assert told == [Stop.CANCEL]


def test_a_coroutine_that_was_told_to_stop_before_it_began_does_not_begin() -> None:
    begun: list[str] = []

    async def begin() -> None:
        begun.append("begun")

    watched = Watched(None)
    watched.stop(Stop.CANCEL)

    with pytest.raises(JobCanceledError):
        asyncio.run(watched.run(begin()))
    assert begun == []


# ---------------------------------------------------------------- wake, pulse, names


def test_a_wake_before_the_wait_is_not_lost() -> None:
    wake = Wake()
    wake.set()
    wake.set()

    wake.wait(_FOR_EVER)  # returns, or the run's own time limit ends it


def test_a_watched_socket_wakes_too_and_says_so() -> None:
    wake = Wake()
    here, there = socket.socketpair()
    with here, there:
        wake.watch(here)
        there.send(b"!")

        wake.wait(_FOR_EVER)
        heard = wake.has_heard
        wake.watch(None)
        wake.set()
        wake.wait(_FOR_EVER)

    assert heard
    assert not wake.has_heard


def test_no_wake_is_lost_while_the_loop_wakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody wakes it at the moment at which it reads what woke it."""
    wake = Wake()
    read = socket.socket.recv

    def read_and_wake(ear: socket.socket, size: int) -> bytes:
        wake.set()
        return read(ear, size)

    wake.set()
    with monkeypatch.context() as patched:
        patched.setattr("socket.socket.recv", read_and_wake)
        wake.wait(_FOR_EVER)
    wake.set()

    wake.wait(_FOR_EVER)  # returns, or the run's own time limit ends it


def test_many_wakes_are_one() -> None:
    wake = Wake()
    for _ in range(100_000):
        wake.set()

    wake.wait(_FOR_EVER)
    before = time.monotonic()
    wake.wait(0.01)

    assert time.monotonic() - before >= 0.009


def test_the_pulse_is_read_through_another_mapping() -> None:
    pulse = Pulse.create()
    other = Pulse(pulse.path)

    pulse.beat(5)
    silent_seconds, busy = other.read()

    assert busy == 5
    assert 0 <= silent_seconds < 60
    other.close()
    pulse.close()
    assert not pulse.path.exists()


def test_names_are_plain_and_differ() -> None:
    names = {new_worker_name() for _ in range(10)}

    assert len(names) == 10
    assert all(re.fullmatch(r"[A-Za-z0-9-]+-\d+-[0-9a-f]{8}", name) for name in names)


# ---------------------------------------------------------------- settings


def test_the_default_queues_hold_the_default_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBYARD_DEFAULT_QUEUE", "main")

    settings = WorkerSettings.load(_env_file=None)

    assert settings.queues == ("high", "default", "low", "notifications", "main")


def test_queues_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBYARD_QUEUES", " b, a ,b")

    assert WorkerSettings.load(_env_file=None).queues == ("b", "a")


@pytest.mark.parametrize("name", ["JOBYARD_CONCURRENCY", "JOBYARD_CRASH_BUDGET"])
def test_a_wrong_number_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "0")

    with pytest.raises(ConfigurationError, match=name):
        WorkerSettings.load(_env_file=None)
