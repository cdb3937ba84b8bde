"""join and renew: a lease is by the server's clock; renewals carry busy slots and bring mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rq import Worker

from jobyard.store import calls
from jobyard.store.records.delivery import Renewal
from support.yard import LEASE_SECONDS

if TYPE_CHECKING:
    from support.yard import Yard


def lease_left_ms(yard: Yard, worker: str = "w1") -> float:
    expiry = yard.client.zscore(yard.keys.lease(), worker)
    assert expiry is not None
    return float(expiry) - yard.now_ms()


def test_joining_begins_a_lease(yard: Yard) -> None:
    yard.join("w1")

    assert 0.9 * LEASE_SECONDS * 1000 < lease_left_ms(yard) <= LEASE_SECONDS * 1000


def test_a_renewal_extends_the_lease(yard: Yard) -> None:
    yard.join("w1")
    yard.expire("w1")

    renewal = yard.renew()

    assert renewal == Renewal(gone=False)
    assert lease_left_ms(yard) > 0.9 * LEASE_SECONDS * 1000


def test_a_stranger_is_told_to_join_and_nothing_is_written(yard: Yard) -> None:
    assert yard.renew("stranger").gone
    assert yard.dump() == {}


def test_busy_slots_are_counted_per_pool_and_go_down_again(yard: Yard) -> None:
    for worker, pool in (("w1", "a"), ("w2", "a"), ("w3", "b")):
        yard.store.run(calls.join(worker, pool=pool, slots=4, lease_seconds=LEASE_SECONDS))
        yard.renew(worker, busy=3)

    assert [yard.client.zcard(yard.keys.busy(pool)) for pool in ("a", "b")] == [6, 3]

    yard.renew("w1", busy=1)

    assert yard.client.zcard(yard.keys.busy("a")) == 4


def test_never_more_slots_are_busy_than_there_are(yard: Yard) -> None:
    yard.join("w1", slots=4)

    yard.renew(busy=9)

    assert yard.client.zcard(yard.keys.busy("default")) == 4


def test_busy_slots_run_out_with_the_lease(yard: Yard) -> None:
    yard.join("w1")

    yard.renew(busy=1)

    [(_, expiry)] = yard.client.zrange(yard.keys.busy("default"), 0, -1, withscores=True)
    assert expiry == yard.client.zscore(yard.keys.lease(), "w1")


def test_an_idle_worker_is_suspended_while_rq_is(yard: Yard) -> None:
    yard.register("w1")
    yard.join("w1")
    yard.client.set("rq:suspended", 1)

    yard.renew()
    assert yard.client.hget(yard.keys.worker("w1"), "state") == b"suspended"
    yard.renew(busy=1)

    assert yard.client.hget(yard.keys.worker("w1"), "state") == b"busy"


def test_the_ttl_of_rqs_command_line_holds(yard: Yard) -> None:
    yard.register("w1")
    yard.join("w1")
    yard.client.hset(yard.keys.worker("w1"), "worker_ttl", 1000)

    yard.renew()

    assert 1000 < yard.client.ttl(yard.keys.worker("w1")) <= 1060


def test_mail_is_brought_until_the_job_is_settled(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    yard.cancel("j1")

    assert yard.renew().cancel == yard.renew().cancel == frozenset({("j1", claimed.token)})

    yard.settle("canceled", claimed)

    assert yard.renew() == Renewal(gone=False)


def test_mail_can_ask_to_drain(yard: Yard) -> None:
    yard.join("w1")
    yard.client.hset(yard.keys.mail("w1"), "drain", 1)

    assert yard.renew() == Renewal(gone=False, drain=True)


def test_mail_of_another_worker_is_not_brought(yard: Yard) -> None:
    yard.claim_new("j1", worker="w1")
    yard.join("w2")
    yard.cancel("j1")

    assert yard.renew("w2").cancel == frozenset()


def test_rq_sees_the_heartbeat_and_whether_it_is_busy(yard: Yard) -> None:
    yard.register("w1")
    yard.join("w1")

    yard.renew(busy=2)
    [busy] = Worker.all(connection=yard.client)
    yard.renew(busy=0)
    [idle] = Worker.all(connection=yard.client)

    assert (busy.get_state(), idle.get_state()) == ("busy", "idle")
    assert idle.last_heartbeat is not None
    assert abs(idle.last_heartbeat.timestamp() - yard.now_ms() / 1000) < 5
    assert 0 < yard.client.ttl(yard.keys.worker("w1")) <= LEASE_SECONDS + 60


def test_renewing_makes_no_record_of_a_worker_that_rq_does_not_know(yard: Yard) -> None:
    yard.join("w1")

    yard.renew()

    assert not yard.client.exists(yard.keys.worker("w1"))


def test_workers_are_listed_with_pool_slots_and_what_they_hold(yard: Yard) -> None:
    yard.register("w1", "w2")
    yard.claim_new("j1", "j2", worker="w1")
    yard.join("w2", slots=8)

    first, second = yard.store.run(calls.workers())

    assert (first.name, first.pool, first.slots, first.busy) == ("w1", "default", 4, 2)
    assert (second.name, second.slots, second.busy) == ("w2", 8, 0)
    assert first.queues == ("default",)
    assert first.pid
    assert first.born_at
