"""Priorities as lanes of a queue."""

from __future__ import annotations

import pytest

from jobyard.keys import Keys
from jobyard.lanes import Priority, base_of, lane_of, lanes_of, priority_of


@pytest.mark.parametrize("priority", Priority)
def test_a_lane_knows_its_queue_and_its_priority(priority: Priority) -> None:
    lane = lane_of("mail", priority)

    assert (base_of(lane), priority_of(lane)) == ("mail", priority)


def test_lanes_are_emptied_from_high_to_low() -> None:
    assert lanes_of("mail") == ("mail.high", "mail", "mail.low")
    assert [priority_of(lane) for lane in lanes_of("mail")] == list(Priority)


def test_a_lane_of_a_lane_is_one_of_the_same_queue() -> None:
    assert lane_of("mail.high", Priority.LOW) == "mail.low"
    assert lane_of("mail.high", Priority.NORMAL) == "mail"


@pytest.mark.parametrize("queue", ["high", "low", "mail.highest", "mail.normal", ".high", "a.b"])
def test_a_queue_whose_name_only_looks_like_one_is_no_lane(queue: str) -> None:
    assert (base_of(queue), priority_of(queue)) == (queue, Priority.NORMAL)


def test_lanes_share_the_bell_of_their_queue() -> None:
    assert {Keys().bell(lane) for lane in lanes_of("mail")} == {"rq:yard:bell:mail"}
