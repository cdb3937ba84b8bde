"""Busy seconds of a worker's slots: exact, and never falling."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from jobyard_worker.busy_clock import BusyClock

STEPS = st.lists(st.tuples(st.floats(0, 100), st.integers(0, 8)), max_size=20)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_slots_that_run_are_counted_up_to_now() -> None:
    clock = Clock()
    busy = BusyClock(clock)

    busy.note(2)
    clock.now += 10
    running = busy.seconds
    busy.note(0)
    clock.now += 10

    assert (running, busy.seconds) == (20, 20)


@given(steps=STEPS)
def test_it_never_falls(steps: list[tuple[float, int]]) -> None:
    clock = Clock()
    busy = BusyClock(clock)
    seen = [busy.seconds]

    for seconds, slots in steps:
        busy.note(slots)
        seen.append(busy.seconds)
        clock.now += seconds
        seen.append(busy.seconds)

    assert all(before <= after for before, after in pairwise(seen))


def test_a_reader_whose_moment_is_before_the_last_change_sees_no_less_than_then() -> None:
    moments = iter([0.0, 0.0, 10.0, 9.0])
    busy = BusyClock(lambda: next(moments))
    busy.note(1)
    busy.note(0)

    assert busy.seconds == 10
