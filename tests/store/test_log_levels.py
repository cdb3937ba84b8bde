"""How much services are asked to log, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.store import access_calls
from jobyard.store.log_level_calls import level_reader, log_levels, set_log_level
from support.keys import entry

if TYPE_CHECKING:
    from support.yard import Yard


def test_a_service_is_asked_for_a_level_and_others_are_not(yard: Yard) -> None:
    yard.store.run(set_log_level("worker", "debug", 60, entry()))

    api, worker = yard.store.run(log_levels(["api", "worker"]))

    assert api is None
    assert worker is not None
    assert worker.level == "debug"
    assert 0 < worker.seconds <= 60
    assert level_reader(yard.store, "api")() is None
    assert level_reader(yard.store, "worker")() is not None


def test_what_was_asked_for_is_taken_back(yard: Yard) -> None:
    yard.store.run(set_log_level("worker", "debug", 60, entry()))
    yard.store.run(set_log_level("worker", None, 60, entry()))

    assert yard.store.run(log_levels(["worker"])) == [None]


def test_a_level_that_is_none_of_ours_and_one_without_an_end_are_not_heeded(yard: Yard) -> None:
    yard.store.run(set_log_level("worker", "loud", 60, entry()))
    yard.store.run(set_log_level("api", "debug", 60, entry()))
    yard.client.persist(yard.keys.log_level("api"))

    assert yard.store.run(log_levels(["worker", "api"])) == [None, None]


def test_who_asked_is_in_the_audit_log(yard: Yard) -> None:
    asked = entry(action="log_level.set", target="worker")

    yard.store.run(set_log_level("worker", "debug", 60, asked))

    [event] = yard.store.run(access_calls.list_audit(access_calls.ANY_TENANT)).events
    assert event.entry == asked
