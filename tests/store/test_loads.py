"""loads.lua: what pools have to do, as KEDA's triggers count it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.scaling import Load, Pool
from jobyard.store import calls, oversight, scaling_calls
from support.consistency import verify

if TYPE_CHECKING:
    from support.yard import Yard


def load(yard: Yard, *queues: str, pool: str = "p") -> Load:
    return yard.store.run(scaling_calls.loads([Pool(name=pool, queues=queues)]))[pool]


def test_an_unknown_pool_has_nothing_to_do(yard: Yard) -> None:
    assert load(yard, "nothing") == Load()


def test_waiting_jobs_of_all_lanes_are_added_up(yard: Yard) -> None:
    yard.submit("j1", "j2")
    yard.submit("j3", queue="default.high")
    yard.submit("j4", queue="default.low")
    yard.submit("j5", queue="other")

    assert load(yard, "default").queued == 4
    assert load(yard, "default", "other").queued == 5


def test_claimed_jobs_count_until_they_are_settled(yard: Yard) -> None:
    yard.submit("j1", "j2")
    yard.submit("j3", queue="default.high")
    yard.join("w1")
    claimed = yard.claim()

    assert load(yard, "default") == Load(queued=0, claimed=3)
    for job in claimed:
        yard.settle("succeeded", job)

    assert load(yard, "default") == Load()
    verify(yard.client, yard.keys)


def test_busy_slots_are_those_of_the_pool(yard: Yard) -> None:
    for worker, pool, busy in (("w1", "p", 3), ("w2", "p", 1), ("w3", "another", 4)):
        yard.store.run(calls.join(worker, pool=pool, slots=4, lease_seconds=60))
        yard.store.run(calls.renew(worker, lease_seconds=60, busy=busy))

    assert load(yard, "default").busy == 4
    assert load(yard, "default", pool="another").busy == 4


def test_what_waits_in_a_paused_queue_is_apart(yard: Yard) -> None:
    yard.submit("j1", "j2")
    yard.submit("j3", queue="other")
    yard.store.run(calls.join("w1", pool="p", slots=4, lease_seconds=60, queues=("default",)))
    assert yard.store.run(oversight.pause("default"))

    assert load(yard, "default", "other") == Load(queued=1, paused=2)


def test_keys_of_a_foreign_type_count_nothing(yard: Yard) -> None:
    yard.client.set(yard.keys.queue("default"), "x")
    yard.client.set(yard.keys.busy("p"), "x")
    yard.client.set(yard.keys.paused(), "x")
    yard.submit("j1", queue="other")

    assert load(yard, "default", "other") == Load(queued=1)


def test_many_pools_are_one_call_and_keep_their_order(yard: Yard) -> None:
    yard.submit("j1", queue="b")
    pools = [Pool(name=name, queues=(name,)) for name in ("a", "b", "c")]

    loads = yard.store.run(scaling_calls.loads(pools))

    assert [loads[name].queued for name in "abc"] == [0, 1, 0]
