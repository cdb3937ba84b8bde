"""Every call may be sent twice: a client repeats it when the reply was lost (windows W9, I6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jobyard.store.records.delivery import Settled
from support.scenarios import SCENARIOS

if TYPE_CHECKING:
    from support.yard import Yard

MOVES_WITH_THE_CLOCK = {"join", "renew", "publish"}
"""Their second call writes the new time, and nothing else."""


@pytest.mark.parametrize("name", sorted(SCENARIOS.keys() - MOVES_WITH_THE_CLOCK))
def test_the_second_of_two_equal_calls_changes_nothing(yard: Yard, name: str) -> None:
    call = SCENARIOS[name](yard)
    yard.store.run(call)
    reaper = yard.keys.yard("reaper")
    before = yard.dump(reaper)

    yard.store.run(call)

    assert yard.dump(reaper) == before


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name.startswith(("settle", "rel"))])
def test_a_repeated_settlement_is_known_as_such(yard: Yard, name: str) -> None:
    call = SCENARIOS[name](yard)
    first = yard.store.run(call)

    second = yard.store.run(call)

    assert set(first) == {Settled.DONE}
    assert set(second) <= {Settled.AGAIN, Settled.VANISHED}


@pytest.mark.parametrize("name", ["claim", "renew", "publish", "progress", "join"])
def test_the_second_of_two_equal_calls_says_the_same(yard: Yard, name: str) -> None:
    call = SCENARIOS[name](yard)
    first = yard.store.run(call)

    assert yard.store.run(call) == first


def test_a_repeated_cancel_says_the_same_state(yard: Yard) -> None:
    call = SCENARIOS["cancel"](yard)
    first = yard.store.run(call)

    second = yard.store.run(call)

    assert [state for _, state in second] == [state for _, state in first]


@pytest.mark.parametrize("name", sorted(MOVES_WITH_THE_CLOCK))
def test_a_repeated_call_that_tells_the_time_adds_no_key(yard: Yard, name: str) -> None:
    call = SCENARIOS[name](yard)
    yard.store.run(call)
    before = yard.dump()

    yard.store.run(call)

    assert yard.dump().keys() == before.keys()
