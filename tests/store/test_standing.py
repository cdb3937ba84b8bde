"""The call that waits at the store until a bell rings, also over a network that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jobyard.errors import StoreDataError, StoreUnavailableError
from jobyard.store import calls
from jobyard.store.standing import StandingCall
from jobyard_worker.standing import StandingClaim
from jobyard_worker.wake import Wake
from support.builders import build_nonce
from support.consistency import verify
from support.waiting import wait_for

if TYPE_CHECKING:
    from jobyard.store.calls import Call
    from jobyard.store.records.delivery import Claim
    from support.proxy import Proxy
    from support.yard import Yard

QUEUES = ("default",)


def build_claim(nonce: str = "") -> Call[Claim]:
    return calls.claim("w1", nonce or build_nonce(), QUEUES, 1)


def known(yard: Yard) -> Call[Claim]:
    """A claim whose script the server knows: it is not sent along."""
    call = build_claim()
    yard.client.script_load(call.script.text)
    return call


def waits_at(yard: Yard) -> bool:
    return any(client["flags"] == "b" for client in yard.client.client_list())


def ids_of(claim: Claim) -> list[str]:
    return [job.id for job in claim.jobs]


def test_it_is_made_when_a_bell_rings(yard: Yard) -> None:
    yard.join("w1")
    standing: StandingCall[Claim] = StandingCall(yard.store, QUEUES)

    standing.send(known(yard))
    wait_for(lambda: waits_at(yard))
    yard.submit("j1", "j2")

    assert ids_of(standing.receive()) == ["j1"]
    assert yard.waiting() == ["j2"]
    verify(yard.client, yard.keys)


def test_it_is_made_after_a_while_without_a_bell(yard: Yard) -> None:
    yard.submit("j1")
    yard.client.delete(yard.keys.bell("default"))
    yard.join("w1")
    standing: StandingCall[Claim] = StandingCall(yard.store, QUEUES)

    standing.send(known(yard))

    assert ids_of(standing.receive()) == ["j1"]


def test_one_after_the_other_goes_over_the_same_connection(yard: Yard) -> None:
    yard.join("w1")
    standing: StandingCall[Claim] = StandingCall(yard.store, QUEUES)
    brought = []
    for name in ("j1", "j2", "j3"):
        standing.send(known(yard))
        yard.submit(name)
        brought += ids_of(standing.receive())

    assert brought == ["j1", "j2", "j3"]
    assert sum(client["cmd"] == "blpop" for client in yard.client.client_list()) <= 1


def test_it_is_not_made_once_it_was_closed(yard: Yard) -> None:
    yard.join("w1")
    standing: StandingCall[Claim] = StandingCall(yard.store, QUEUES)
    standing.send(known(yard))
    wait_for(lambda: waits_at(yard))

    standing.close()
    wait_for(lambda: not waits_at(yard))
    yard.submit("j1")

    assert yard.waiting() == ["j1"]
    assert standing.socket is None


def test_a_bell_of_a_foreign_type_is_named(yard: Yard) -> None:
    yard.join("w1")
    yard.client.set(yard.keys.bell("default"), "foreign")
    standing: StandingCall[Claim] = StandingCall(yard.store, QUEUES)

    standing.send(known(yard))

    with pytest.raises(StoreDataError):
        standing.receive()


def test_a_script_that_the_server_has_forgotten_is_sent_by_who_asks_again(yard: Yard) -> None:
    yard.join("w1")
    call = build_claim()
    yard.client.script_flush()
    standing: StandingCall[Claim] = StandingCall(yard.store, QUEUES)
    standing.send(call)
    yard.submit("j1")

    with pytest.raises(StoreUnavailableError):
        standing.receive()

    assert ids_of(yard.store.run(call)) == ["j1"]


def test_an_answer_that_is_lost_leaves_the_job_to_who_asks_again(
    behind: Yard, proxy: Proxy
) -> None:
    behind.join("w1")
    call = known(behind)
    standing: StandingCall[Claim] = StandingCall(behind.store, QUEUES)
    standing.send(call)
    wait_for(lambda: waits_at(behind))
    proxy.drop_reply_to(call.script.sha.encode())
    standing.close()
    standing.send(call)
    wait_for(lambda: waits_at(behind))
    behind.submit("j1")

    with pytest.raises(StoreUnavailableError):
        standing.receive()

    assert ids_of(behind.store.run(call)) == ["j1"]
    verify(behind.client, behind.keys)


def test_a_connection_that_the_store_closes_wakes_nobody_who_does_not_listen(yard: Yard) -> None:
    yard.join("w1")
    wake = Wake()
    claim = StandingClaim(yard.store, QUEUES, wake)
    claim.ask(known(yard))
    yard.submit("j1")
    heard(claim, wake)

    assert yard.client.client_kill_filter(_type="normal", skipme=True)
    wait_for(lambda: len(yard.client.client_list(_type="normal")) == 1)
    wake.wait(0)

    assert not wake.has_heard


def heard(claim: StandingClaim, wake: Wake) -> Claim:
    """What it brings, however long it takes."""

    def brought() -> Claim | None:
        wake.wait(0)
        return claim.take()

    return wait_for(brought)


def test_a_worker_that_cannot_listen_looks_from_time_to_time(behind: Yard, proxy: Proxy) -> None:
    behind.join("w1")
    wake = Wake()
    claim = StandingClaim(behind.store, QUEUES, wake)
    call = known(behind)
    proxy.refuse()

    claim.ask(call)
    with pytest.raises(StoreUnavailableError):
        heard(claim, wake)
    claim.ask(call)
    looked = heard(claim, wake)
    proxy.heal()
    claim.ask(call)
    wait_for(lambda: waits_at(behind))
    behind.client.rpush(behind.keys.bell("default"), "1")
    found = heard(claim, wake)

    assert (looked.jobs, looked.more) == ((), True)
    assert (found.jobs, found.more) == ((), False)
