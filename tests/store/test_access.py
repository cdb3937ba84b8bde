"""Keys, sessions, quotas and the audit log in the store."""

from __future__ import annotations

import dataclasses
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from jobyard.api_keys import new_api_key
from jobyard.store import access_calls as calls
from jobyard.store.access_calls import ANY_TENANT
from jobyard.store.access_records import KeyCreated, Quotas
from support.keys import build_record, entry

if TYPE_CHECKING:
    from jobyard.api_keys import ApiKey
    from jobyard.store.access_records import KnownKey, Leased
    from support.yard import Yard

REQUESTS = "requests_per_minute"


def create(yard: Yard, tenant: str = "", **fields: object) -> ApiKey:
    key = new_api_key()
    outcome = yard.store.run(calls.create_key(build_record(key, tenant, **fields), entry()))  # type: ignore[arg-type]
    assert outcome is KeyCreated.CREATED
    return key


def known(yard: Yard, key: ApiKey) -> KnownKey:
    found = yard.store.run(calls.read_key(key.id))
    assert found is not None
    return found


def lease(yard: Yard, needed: int, process: str = "p", nonce: str = "") -> Leased:
    nonce = nonce or new_api_key().id
    return yard.store.run(calls.lease("acme", REQUESTS, needed, process, nonce))


def set_quotas(yard: Yard, **quotas: int) -> None:
    yard.store.run(calls.set_quotas("acme", Quotas(**quotas), entry()))


def test_no_secret_is_in_the_store(yard: Yard) -> None:
    key = create(yard, "acme")

    held = repr(yard.dump())
    assert key.text not in held
    assert key.text.rpartition("_")[2] not in held
    assert key.digest in held


def test_a_key_is_read_as_it_was_made_with_its_tenants_quotas(yard: Yard) -> None:
    set_quotas(yard, requests_per_minute=7, waiting_jobs=0)
    key = create(yard, "acme", name="web shop")

    found = known(yard, key)
    assert (found.record.name, found.record.tenant) == ("web shop", "acme")
    assert found.record.digest == key.digest
    assert found.quotas == Quotas(requests_per_minute=7, waiting_jobs=0)
    assert found.left_seconds is None


def test_a_key_comes_back_with_all_that_was_said_of_it(yard: Yard) -> None:
    expiry = datetime.fromtimestamp(yard.now_ms() // 1000 + 60, UTC)
    key = new_api_key()
    record = build_record(key, "acme", created_by="ada", name="web shop", expires_at=expiry)
    yard.store.run(calls.create_key(record, entry()))

    found = known(yard, key).record

    assert found.created_at is not None
    assert found == dataclasses.replace(record, created_at=found.created_at)
    assert yard.store.run(calls.list_keys("acme")).keys == (found,)


def test_a_session_names_the_key_that_opened_it(yard: Yard) -> None:
    key = create(yard, "acme")
    opening = calls.open_session(
        "d", seconds=60, key_id=key.id, key_digest=key.digest, entry=entry()
    )
    yard.store.run(opening)

    found = yard.store.run(calls.read_session("d"))

    assert found is not None
    assert (found.key_id, found.digest) == (key.id, key.digest)
    assert found.key == known(yard, key)


def test_an_entry_comes_back_with_its_place_and_the_servers_time(yard: Yard) -> None:
    written = entry(actor="ada", action="revoke", target="k", source="127.0.0.1", detail="why")
    yard.store.run(calls.note(written))

    [event] = yard.store.run(calls.list_audit(ANY_TENANT)).events

    assert event.entry == written
    assert event.at == datetime.fromtimestamp(int(event.place.partition("-")[0]) / 1000, UTC)


def test_the_servers_clock_says_how_long_a_key_is_valid(yard: Yard) -> None:
    now = datetime.fromtimestamp(yard.now_ms() / 1000, UTC)
    key = create(yard, expires_at=now + timedelta(hours=1))
    past = create(yard, expires_at=now - timedelta(hours=1))

    left, over = known(yard, key).left_seconds, known(yard, past).left_seconds
    assert left is not None
    assert over is not None
    assert 3500 < left <= 3600
    assert over < 0


def test_an_expired_key_is_kept_for_a_month(yard: Yard) -> None:
    expiry = datetime.fromtimestamp(yard.now_ms() // 1000 + 60, UTC)
    key = create(yard, expires_at=expiry)

    gone_at = yard.client.pexpiretime(yard.keys.api_key(key.id)) / 1000
    assert gone_at == (expiry + timedelta(days=30)).timestamp()


def test_an_id_that_is_taken_is_not_given_to_another_key(yard: Yard) -> None:
    key = create(yard)
    other = dataclasses.replace(build_record(new_api_key()), id=key.id)

    assert yard.store.run(calls.create_key(other, entry())) is KeyCreated.EXISTS
    assert known(yard, key).record.digest == key.digest


def test_the_first_key_puts_keys_into_use_for_good(yard: Yard) -> None:
    assert not yard.store.run(calls.access()).keys_in_use
    key = create(yard)
    assert yard.store.run(calls.access()).keys_in_use

    assert yard.store.run(calls.revoke_key(key.id, ANY_TENANT, entry()))

    assert yard.store.run(calls.access()).keys_in_use


def test_a_revoked_key_is_gone_and_everybody_is_told(yard: Yard) -> None:
    key = create(yard)
    before = yard.store.run(calls.access())

    assert yard.store.run(calls.revoke_key(key.id, ANY_TENANT, entry()))

    assert yard.store.run(calls.read_key(key.id)) is None
    assert yard.store.run(calls.access()).version != before.version
    assert not yard.store.run(calls.revoke_key(key.id, ANY_TENANT, entry()))


def test_a_tenant_revokes_its_own_keys_only(yard: Yard) -> None:
    key = create(yard, "acme")

    assert not yard.store.run(calls.revoke_key(key.id, "other", entry()))
    assert yard.store.run(calls.revoke_key(key.id, "acme", entry()))


def test_keys_are_listed_newest_first_in_pages(yard: Yard) -> None:
    made = [create(yard, tenant).id for tenant in ("acme", "other", "acme", "", "acme")]

    first = yard.store.run(calls.list_keys("acme", limit=2))
    rest = yard.store.run(calls.list_keys("acme", before=first.next, limit=2))
    every = yard.store.run(calls.list_keys(ANY_TENANT))
    assert [key.id for key in first.keys + rest.keys] == [made[4], made[2], made[0]]
    assert rest.next is None
    assert [key.id for key in every.keys] == made[::-1]


def test_the_last_use_is_noted_once_a_minute(yard: Yard) -> None:
    key = create(yard)

    assert yard.store.run(calls.keys_used([key.id, "unknown"])) == 1
    assert yard.store.run(calls.keys_used([key.id])) == 0

    used = known(yard, key).record.last_used_at
    assert used is not None
    assert abs(used.timestamp() * 1000 - yard.now_ms()) < 60_000
    assert yard.client.exists(yard.keys.api_key("unknown")) == 0


def test_a_session_ends_with_its_key(yard: Yard) -> None:
    key = create(yard, "acme")
    yard.store.run(
        calls.open_session("d", seconds=60, key_id=key.id, key_digest=key.digest, entry=entry())
    )
    found = yard.store.run(calls.read_session("d"))
    assert found is not None
    assert found.key is not None
    assert found.key.record.tenant == "acme"
    assert 0 < found.left_seconds <= 60

    yard.store.run(calls.revoke_key(key.id, ANY_TENANT, entry()))

    after = yard.store.run(calls.read_session("d"))
    assert after is not None
    assert after.key is None


def test_a_closed_session_is_gone_and_everybody_is_told(yard: Yard) -> None:
    yard.store.run(calls.open_session("d", seconds=60, key_id="k", key_digest="x", entry=entry()))
    before = yard.store.run(calls.access())

    assert yard.store.run(calls.close_session("d", entry()))

    assert yard.store.run(calls.read_session("d")) is None
    assert yard.store.run(calls.access()).version != before.version
    assert not yard.store.run(calls.close_session("d", entry()))


@pytest.mark.parametrize("quota", [1, 2, 16, 17, 49, 50, 51, 1000])
def test_the_shares_of_a_window_are_the_quota_and_never_more(yard: Yard, quota: int) -> None:
    set_quotas(yard, requests_per_minute=quota)

    shares: list[int] = []
    while (leased := lease(yard, 1, f"p{len(shares) % 3}")).granted:
        shares.append(leased.granted)
        assert leased.remaining == quota - sum(shares)

    assert sum(shares) == quota
    assert max(shares) <= max(1, quota // 50)
    assert 0 < leased.left_seconds <= 60


def test_processes_that_lease_at_once_do_not_get_more_than_the_quota(yard: Yard) -> None:
    set_quotas(yard, requests_per_minute=500)
    shares: list[int] = []

    def take(process: str) -> None:
        while granted := lease(yard, 1, process).granted:
            shares.append(granted)

    threads = [threading.Thread(target=take, args=(f"p{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(shares) == 500


def test_a_share_that_is_too_small_is_none(yard: Yard) -> None:
    set_quotas(yard, requests_per_minute=10)

    assert lease(yard, 11).granted == 0
    assert lease(yard, 10).granted == 10


def test_a_lease_that_is_sent_twice_is_one(yard: Yard) -> None:
    set_quotas(yard, requests_per_minute=100)

    first, again = lease(yard, 5, nonce="n"), lease(yard, 5, nonce="n")

    assert (again.granted, again.remaining) == (first.granted, first.remaining) == (5, 95)
    assert lease(yard, 5, nonce="m").remaining == 90


def test_a_new_window_begins_when_the_last_one_is_over(yard: Yard) -> None:
    set_quotas(yard, requests_per_minute=3)
    first = lease(yard, 3)
    assert lease(yard, 1).granted == 0

    yard.client.delete(yard.keys.limit("acme", REQUESTS))  # as its end does

    second = lease(yard, 3)
    assert second.granted == 3
    assert second.window > first.window


def test_a_window_never_lives_without_an_end(yard: Yard) -> None:
    set_quotas(yard, requests_per_minute=3)
    lease(yard, 1)

    assert 0 < yard.client.pttl(yard.keys.limit("acme", REQUESTS)) <= 60_000


def test_without_a_quota_nothing_is_counted(yard: Yard) -> None:
    assert lease(yard, 1).quota is None
    assert yard.dump() == {}


def test_quotas_are_replaced_whole_and_lifted(yard: Yard) -> None:
    set_quotas(yard, requests_per_minute=3, waiting_jobs=5)
    set_quotas(yard, payload_bytes_per_minute=9)
    assert yard.store.run(calls.read_quotas("acme")) == Quotas(payload_bytes_per_minute=9)
    assert yard.store.run(calls.list_quotas()).tenants == (
        ("acme", Quotas(payload_bytes_per_minute=9)),
    )

    set_quotas(yard)

    assert yard.store.run(calls.list_quotas()).tenants == ()


def test_quotas_are_listed_by_name_in_pages(yard: Yard) -> None:
    for tenant in ("c", "a", "b"):
        yard.store.run(calls.set_quotas(tenant, Quotas(waiting_jobs=1), entry()))

    first = yard.store.run(calls.list_quotas(limit=2))
    rest = yard.store.run(calls.list_quotas(after=first.next, limit=2))
    assert [name for name, _ in first.tenants + rest.tenants] == ["a", "b", "c"]
    assert rest.next is None


def test_the_audit_log_lists_newest_first_and_a_tenant_its_own(yard: Yard) -> None:
    for number, tenant in enumerate(("acme", "other", "acme", "")):
        yard.store.run(calls.note(entry(target=str(number), tenant=tenant)))

    first = yard.store.run(calls.list_audit(ANY_TENANT, limit=3))
    rest = yard.store.run(calls.list_audit(ANY_TENANT, before=first.next, limit=3))
    own = yard.store.run(calls.list_audit("acme"))
    assert [event.entry.target for event in first.events + rest.events] == ["3", "2", "1", "0"]
    assert [event.entry.target for event in own.events] == ["2", "0"]
    assert own.next is None


def test_what_changes_access_and_its_entry_are_one_step(yard: Yard) -> None:
    key = create(yard, "acme")
    set_quotas(yard, waiting_jobs=1)
    yard.store.run(calls.revoke_key(key.id, "acme", entry(action="revoke")))

    events = yard.store.run(calls.list_audit(ANY_TENANT)).events
    assert len(events) == 3
    assert events[0].entry.action == "revoke"


def test_what_changed_nothing_leaves_no_entry(yard: Yard) -> None:
    yard.store.run(calls.revoke_key("unknown", ANY_TENANT, entry()))
    yard.store.run(calls.close_session("unknown", entry()))

    assert yard.store.run(calls.list_audit(ANY_TENANT)).events == ()


def test_a_window_of_the_audit_log_that_was_looked_at_leads_on(yard: Yard) -> None:
    yard.store.run(calls.note(entry(tenant="acme", target="deep")))
    with yard.client.pipeline() as pipe:
        for _ in range(calls.LOOKS):
            pipe.xadd(yard.keys.audit(), {"tenant": "other"})
        pipe.execute()

    first = yard.store.run(calls.list_audit("acme"))
    rest = yard.store.run(calls.list_audit("acme", before=first.next))
    assert first.events == ()
    assert [event.entry.target for event in rest.events] == ["deep"]
