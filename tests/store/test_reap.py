"""reap and leave: what a dead or stopping worker held runs again, once, and only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jobyard.states import State
from jobyard.store import calls
from support.consistency import verify
from support.yard import LEASE_SECONDS

if TYPE_CHECKING:
    from support.yard import Yard


def test_an_expired_worker_gives_all_back_in_order_as_suspects(yard: Yard) -> None:
    yard.claim_new("j1", "j2", "j3")
    yard.submit("j4")
    yard.expire("w1")

    reaped = yard.reap()

    assert (reaped.rescued, reaped.quarantined, reaped.more) == (3, 0, False)
    assert reaped.workers == ("w1",)
    assert yard.waiting() == ["j1", "j2", "j3", "j4"]
    verify(yard.client, yard.keys)
    yard.join("w2")
    assert [job.suspect for job in yard.claim("w2")] == [True, True, True, False]


def test_several_claims_go_back_in_the_order_they_were_made(yard: Yard) -> None:
    ids = [f"j{n:02}" for n in range(30)]
    yard.submit(*ids)
    yard.join("w1")
    for n in range(10):
        yard.claim(limit=3, nonce=f"nonce-{n}")
    yard.expire("w1")

    yard.reap()

    assert yard.waiting() == ids


def test_a_live_worker_is_never_reaped(yard: Yard) -> None:
    yard.claim_new("j1")
    before = yard.dump(yard.keys.yard("reaper"))

    reaped = yard.reap()

    assert (reaped.rescued, reaped.workers) == (0, ())
    assert yard.dump(yard.keys.yard("reaper")) == before


def test_only_the_expired_one_of_two_is_reaped(yard: Yard) -> None:
    yard.claim_new("dead", worker="w1")
    yard.claim_new("alive", worker="w2")
    yard.expire("w1")

    assert yard.reap().workers == ("w1",)

    assert yard.waiting() == ["dead"]
    assert yard.read("alive").state is State.RUNNING
    verify(yard.client, yard.keys)


def test_a_renewal_saves_a_worker_whose_lease_is_over_but_was_not_reaped(yard: Yard) -> None:
    yard.claim_new("j1")
    yard.expire("w1")

    assert not yard.renew().gone
    assert yard.reap().workers == ()


def test_a_reaped_worker_learns_it_from_every_call(yard: Yard) -> None:
    yard.claim_new("j1")
    yard.expire("w1")
    yard.reap()

    assert yard.renew().gone
    assert yard.store.run(calls.claim("w1", "nonce", ("default",), 1)).gone
    assert yard.waiting() == ["j1"]


def test_it_counts_neither_attempt_nor_crash(yard: Yard) -> None:
    yard.claim_new("j1")
    yard.expire("w1")

    yard.reap()

    record = yard.read("j1")
    assert (record.attempts, record.crashes, record.deliveries) == (0, 0, 1)


def test_nothing_of_a_reaped_worker_is_left(yard: Yard) -> None:
    yard.register("w1")
    yard.claim_new("j1")
    yard.renew(busy=3)
    yard.cancel("j1")
    yard.expire("w1")

    yard.reap()

    held = yard.dump()
    assert [key for key in held if key.endswith(":w1")] == []
    assert yard.client.zcard(yard.keys.busy("default")) == 0
    assert yard.store.run(calls.workers()) == []


def test_a_job_that_was_asked_to_cancel_is_canceled(yard: Yard) -> None:
    yard.claim_new("j1")
    yard.cancel("j1")
    yard.expire("w1")

    yard.reap()

    assert yard.read("j1").state is State.CANCELED
    assert yard.waiting() == []
    verify(yard.client, yard.keys)


def test_the_limit_is_kept_and_the_rest_comes_next(yard: Yard) -> None:
    ids = [f"j{n:03}" for n in range(100)]
    yard.claim_new(*ids)
    yard.expire("w1")

    first = yard.reap(limit=30)

    assert (first.rescued, first.more, first.workers) == (30, True, ())
    verify(yard.client, yard.keys)
    total = first.rescued
    while (reaped := yard.reap(limit=30)).more:
        total += reaped.rescued
    assert total + reaped.rescued == 100
    assert sorted(yard.waiting()) == ids
    verify(yard.client, yard.keys)


def test_the_order_survives_a_limit(yard: Yard) -> None:
    ids = [f"j{n:03}" for n in range(50)]
    yard.claim_new(*ids)
    yard.expire("w1")

    while yard.reap(limit=7).more:
        pass

    assert yard.waiting() == ids


def test_many_dead_workers_are_all_reaped(yard: Yard) -> None:
    names = [f"w{n}" for n in range(25)]
    for name in names:
        yard.claim_new(f"job-of-{name}", worker=name)
    yard.expire(*names)
    reaped: set[str] = set()

    for _ in range(10):
        reaped |= set(yard.reap().workers)

    assert reaped == set(names)
    assert len(yard.waiting()) == 25
    verify(yard.client, yard.keys)


def test_the_first_reaping_ever_waits_one_lease(yard: Yard) -> None:
    yard.claim_new("j1")
    yard.expire("w1")

    reaped = yard.store.run(calls.reap(lease_seconds=LEASE_SECONDS))

    assert reaped.workers == ()
    assert yard.read("j1").state is State.RUNNING


def test_after_a_gap_of_its_own_it_waits_one_lease(yard: Yard) -> None:
    yard.claim_new("j1")
    yard.expire("w1")
    long_ago = yard.now_ms() - 60_000
    yard.client.hset(yard.keys.yard("reaper"), mapping={"tick": long_ago, "resume": 0})

    for _ in range(3):
        assert yard.store.run(calls.reap(lease_seconds=LEASE_SECONDS)).workers == ()

    assert yard.read("j1").state is State.RUNNING


def test_a_clock_that_goes_back_stops_the_reaping_for_one_lease_only(yard: Yard) -> None:
    yard.claim_new("j1")
    yard.expire("w1")
    ahead = yard.now_ms() + 600_000
    yard.client.hset(yard.keys.yard("reaper"), mapping={"tick": ahead, "resume": ahead})

    yard.store.run(calls.reap(lease_seconds=LEASE_SECONDS))

    resume = int(yard.client.hget(yard.keys.yard("reaper"), "resume"))
    assert resume <= yard.now_ms() + LEASE_SECONDS * 1000


def test_the_wait_after_a_gap_ends(yard: Yard) -> None:
    yard.claim_new("j1")
    yard.expire("w1")
    now = yard.now_ms()
    yard.client.hset(yard.keys.yard("reaper"), mapping={"tick": now, "resume": now - 1})

    assert yard.store.run(calls.reap(lease_seconds=LEASE_SECONDS)).workers == ("w1",)


def test_an_unreadable_record_is_put_aside_and_the_others_are_rescued(yard: Yard) -> None:
    yard.claim_new("a", "broken", "b")
    yard.client.set(yard.keys.job("broken"), "not a hash")
    yard.expire("w1")

    reaped = yard.reap()

    assert (reaped.rescued, reaped.quarantined) == (2, 1)
    assert yard.waiting() == ["a", "b"]
    assert yard.quarantined() == {"broken"}
    assert not yard.client.exists(yard.keys.held("w1"))


def test_a_missing_record_is_dropped(yard: Yard) -> None:
    yard.claim_new("gone", "kept")
    yard.client.delete(yard.keys.job("gone"))
    yard.expire("w1")

    yard.reap()

    assert yard.waiting() == ["kept"]
    assert not yard.client.exists(yard.keys.job("gone"), yard.keys.held("w1"))


@pytest.mark.parametrize("members", [["no-colon"], ["no-colon", "another"], ["", ":", "x:"]])
def test_garbage_among_what_it_held_does_not_stop_the_rescue(
    yard: Yard, members: list[str]
) -> None:
    yard.claim_new("j1")
    yard.client.hset(yard.keys.held("w1"), mapping=dict.fromkeys(members, "default"))
    yard.expire("w1")

    yard.reap()

    assert yard.waiting() == ["j1"]
    assert not yard.client.exists(yard.keys.held("w1"))


def test_a_stale_hold_does_not_touch_the_job(yard: Yard) -> None:
    """RQ's own tools may have ended it meanwhile."""
    [claimed] = yard.claim_new("j1")
    yard.client.hset(yard.keys.job("j1"), "status", "failed")
    yard.expire("w1")

    yard.reap()

    assert yard.read("j1").state is State.FAILED
    assert yard.waiting() == []
    assert claimed.id == "j1"


def test_leave_gives_back_at_once_whatever_the_lease(yard: Yard) -> None:
    yard.claim_new("j1", "j2")

    reaped = yard.leave()

    assert (reaped.rescued, reaped.workers, reaped.more) == (2, ("w1",), False)
    assert yard.waiting() == ["j1", "j2"]
    assert yard.renew().gone
    verify(yard.client, yard.keys)


def test_leave_marks_suspects(yard: Yard) -> None:
    yard.claim_new("j1")
    yard.leave()
    yard.join("w2")

    assert yard.claim("w2")[0].suspect


def test_leave_with_nothing_held_is_a_clean_goodbye(yard: Yard) -> None:
    yard.join("w1")
    yard.renew(busy=1)

    reaped = yard.leave()

    assert (reaped.rescued, reaped.workers) == (0, ("w1",))
    assert [key for key in yard.dump() if "w1" in key or "busy" in key or "lease" in key] == []


def test_leave_says_when_there_is_more(yard: Yard) -> None:
    yard.claim_new("j1", "j2", "j3")

    assert yard.leave(limit=2).more
    assert not yard.leave(limit=2).more
    assert yard.waiting() == ["j1", "j2", "j3"]


def test_leave_touches_no_other_worker(yard: Yard) -> None:
    yard.claim_new("mine", worker="w1")
    yard.claim_new("theirs", worker="w2")

    yard.leave("w1")

    assert yard.read("theirs").state is State.RUNNING
    assert not yard.renew("w2").gone
    verify(yard.client, yard.keys)


def test_leaving_twice_is_harmless(yard: Yard) -> None:
    yard.claim_new("j1")
    yard.leave()
    before = yard.dump()

    yard.leave()

    assert yard.dump() == before


def test_idle_workers_are_woken_by_what_is_given_back(yard: Yard) -> None:
    yard.claim_new("j1")
    yard.client.delete(yard.keys.bell("default"))

    yard.leave()

    assert yard.store.listen(["default"], 0.05)
