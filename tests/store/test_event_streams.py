"""The streams of changes: places in them, what is lost behind a place, and who follows them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from jobyard.connection import connect_async
from jobyard.errors import StoreUnavailableError
from jobyard.states import State
from jobyard.store import AsyncStore, calls, event_calls, move_calls
from jobyard.store.events import START, About, Change, Place, changes_of, place_of
from jobyard.store.following import Follower
from jobyard.store.records.delivery import Progressed
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jobyard.settings import Settings
    from support.yard import Yard


def places(yard: Yard, asked: dict[str, Place | None], **at: int) -> event_calls.Places:
    return yard.store.run(event_calls.places(asked, **at))


def now(yard: Yard, *queues: str) -> dict[str, Place]:
    return places(yard, dict.fromkeys(queues or ("default",))).found


def since(yard: Yard, after: dict[str, Place]) -> list[Change]:
    found = yard.store.run(event_calls.replay(after))
    changes = [c for q, entries in found.items() for e in entries for c in changes_of(q, e)]
    return [change for change in changes if change.place > after[change.queue]]


def told(yard: Yard, after: dict[str, Place]) -> list[tuple[str, str]]:
    return [(change.id, change.what) for change in since(yard, after)]


def follow(settings: Settings, use: Callable[[AsyncStore, Follower], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        store = AsyncStore(connect_async(settings), settings.keys, seconds=1.0)
        follower = Follower(store)
        try:
            await follower.connect()
            return await use(store, follower)
        finally:
            await follower.close()
            await store.close()

    return asyncio.run(main())


def is_waiting(yard: Yard) -> bool:
    return any(client["cmd"] == "xread" for client in yard.client.client_list())


# ---------------------------------------------------------------- changes


def test_every_move_of_a_job_is_told_in_order(yard: Yard) -> None:
    before = now(yard)
    [claimed] = yard.claim_new("j1")
    yard.settle("retrying", claimed)
    yard.make_due("j1")
    yard.promote()
    [claimed] = yard.claim()
    yard.cancel("j1")
    yard.settle("canceled", claimed)
    yard.store.run(move_calls.retry(["j1"], "a"))
    yard.store.run(move_calls.reschedule(["j1"], "b", delay_seconds=60.0))
    yard.store.run(move_calls.delete(["j1"]))

    assert [what for _, what in told(yard, before)] == [
        "queued", "running", "retrying", "queued", "running", "canceling", "canceled",
        "queued", "scheduled", "canceled",
    ]  # fmt: skip


def test_changes_of_one_call_have_places_of_their_own(yard: Yard) -> None:
    before = now(yard)
    yard.submit("j1", "j2", "j3")

    first, second, third = since(yard, before)

    assert first.place < second.place < third.place < now(yard)["default"]
    assert told(yard, {"default": second.place}) == [("j3", "queued")]
    assert told(yard, now(yard)) == []


def test_what_is_deleted_says_whose_it_was(yard: Yard) -> None:
    yard.submit("j1", tenant="acme", tags=("a", "b"))
    before = now(yard)

    yard.store.run(move_calls.delete(["j1"]))

    [change] = since(yard, before)
    assert (change.what, change.value) == (
        "canceled",
        {"task": "noop", "tenant": "acme", "tags": ["a", "b"]},
    )


def test_progress_is_told_but_not_more_often_than_is_good(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    before = now(yard)

    said = [yard.store.run(calls.progress("j1", claimed.token, b"%d" % step)) for step in range(20)]

    assert said[:2] == [Progressed.TOLD, Progressed.KEPT]
    values = [change.value for change in since(yard, before)]
    assert values[0] == 0
    assert len(values) == said.count(Progressed.TOLD) < 20
    assert yard.read("j1").progress == 19


def test_progress_that_was_kept_is_told_when_it_is_sent_again(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    for value in (b"1", b"2"):
        yard.store.run(calls.progress("j1", claimed.token, value))
    yard.client.hset(yard.keys.job("j1"), "told_at", -(yard.now_ms() - 1000))
    before = now(yard)

    again = calls.progress("j1", claimed.token, b"2")

    assert [yard.store.run(again), yard.store.run(again)] == [Progressed.TOLD] * 2
    assert [change.value for change in since(yard, before)] == [2]


def test_progress_that_is_long_is_not_in_the_stream(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    before = now(yard)

    yard.store.run(calls.progress("j1", claimed.token, b'"%s"' % (b"x" * 600)))

    [change] = since(yard, before)
    assert (change.what, change.data) == ("progress", b"")


# ---------------------------------------------------------------- places


def test_a_stream_that_does_not_exist_is_at_its_start(yard: Yard) -> None:
    assert now(yard) == {"default": START}
    assert places(yard, {"default": START}).unsound == frozenset()


def test_a_place_is_sound_as_long_as_its_entry_is_there(yard: Yard) -> None:
    yard.submit("j1")
    place = now(yard)["default"]
    yard.submit("j2")

    assert places(yard, {"default": place}).unsound == frozenset()

    yard.client.xtrim(yard.keys.events("default"), maxlen=1, approximate=False)
    checked = places(yard, {"default": place})
    assert checked.unsound == {"default"}
    assert checked.found == now(yard)


def test_a_store_that_lost_the_stream_lost_the_place(yard: Yard) -> None:
    yard.submit("j1")
    place = now(yard)["default"]
    yard.client.flushall()

    assert places(yard, {"default": place}).unsound == {"default"}


def test_a_primary_that_did_not_have_the_last_entry_lost_the_place(yard: Yard) -> None:
    yard.submit("j1")
    yard.submit("j2")
    place = now(yard)["default"]
    yard.client.xdel(yard.keys.events("default"), place.entry)
    yard.submit("j3")

    assert places(yard, {"default": place}).unsound == {"default"}


def test_the_last_place_until_a_moment(yard: Yard) -> None:
    key = yard.keys.events("default")
    base = yard.now_ms()
    for ms in (base + 10, base + 20, base + 30):
        yard.client.xadd(key, {"j1": "queued"}, id=f"{ms}-0")

    found = [
        places(yard, {"default": None}, at_ms=base + ms).found["default"].ms - base
        for ms in (10, 19, 20, 99)
    ]

    assert found == [10, 10, 20, 30]
    assert places(yard, {"default": None}, at_ms=base).found == {"default": START}


def test_a_moment_before_what_was_trimmed_is_not_sound(yard: Yard) -> None:
    key = yard.keys.events("default")
    old = yard.now_ms() - 3 * 3_600_000
    for ms in (old, old + 10):
        yard.client.xadd(key, {"j1": "queued"}, id=f"{ms}-0")
    assert places(yard, {"default": None}, at_ms=old - 10).unsound == frozenset()
    yard.client.xtrim(key, maxlen=1, approximate=False)

    assert places(yard, {"default": None}, at_ms=old - 10).unsound == {"default"}


def test_changes_that_take_too_much_memory_go_and_the_places_before_them(yard: Yard) -> None:
    began = yard.now_ms()
    yard.submit(*(f"early{number}" for number in range(10)))
    early = now(yard)["default"]
    for number in range(2_000):
        yard.submit(f"j{number}")
    key, late = yard.keys.events("default"), now(yard)["default"]
    taken = yard.client.memory_usage(key)

    yard.prune(event_bytes=taken + 10_000)
    assert places(yard, {"default": early}).unsound == frozenset(), "there is room"
    yard.prune(event_bytes=taken // 2)

    assert yard.client.memory_usage(key) < taken * 0.6, "to the node in which it falls"
    assert places(yard, {"default": late}).unsound == frozenset()
    assert places(yard, {"default": early}).unsound == {"default"}
    assert places(yard, {"default": None}, at_ms=began - 1).unsound == {"default"}
    kept = yard.client.xlen(key)
    yard.prune(event_bytes=taken)
    assert yard.client.xlen(key) == kept


def test_a_key_of_a_foreign_type_has_no_place(yard: Yard) -> None:
    yard.submit("j1")
    place = now(yard)["default"]
    yard.client.set(yard.keys.events("broken"), "foreign")

    checked = places(yard, {"default": place, "broken": None})

    assert (checked.found, checked.unsound) == ({"default": place}, frozenset())
    assert places(yard, {"broken": place}).unsound == {"broken"}
    assert yard.store.run(event_calls.replay({"broken": START})) == {"broken": []}


# ---------------------------------------------------------------- jobs


@pytest.mark.parametrize("owner", [None, "acme"])
def test_a_job_is_watched_from_the_place_of_its_state(yard: Yard, owner: str | None) -> None:
    yard.submit("j1", "j2", tenant="acme")

    watched = yard.store.run(event_calls.watch("j1", owner))

    assert watched is not None
    assert (watched.state, watched.queue, watched.task) == (State.QUEUED, "default", "noop")
    assert watched.place == now(yard)["default"]


def test_another_tenants_job_cannot_be_watched(yard: Yard) -> None:
    yard.submit("j1", tenant="acme")
    yard.client.set(yard.keys.job("broken"), "not a hash")

    for job_id, owner in (("j1", "other"), ("nobody", None), ("broken", None), ("broken", "a")):
        assert yard.store.run(event_calls.watch(job_id, owner)) is None


def test_what_a_filter_asks_of_jobs(yard: Yard) -> None:
    yard.submit("j1", tenant="acme", tags=("a",))
    yard.client.set(yard.keys.job("broken"), "not a hash")

    found = yard.store.run(event_calls.about(["nobody", "j1", "broken"]))

    assert found == [None, About("noop", "acme", ("a",)), None]


# ---------------------------------------------------------------- following


def test_a_follower_waits_for_what_comes_next(yard: Yard, settings: Settings) -> None:
    yard.submit("before")
    yard.submit("low", queue="low")

    async def use(store: AsyncStore, follower: Follower) -> Any:
        names = await follower.run(event_calls.names())
        known = (await follower.run(event_calls.places(dict.fromkeys(names)))).found
        waiting = asyncio.create_task(follower.wait(known))
        await asyncio.to_thread(yard.submit, "after", queue="low")
        return set(names), await waiting

    names, found = follow(settings, use)

    assert names == {"default", "low"}
    [(queue, [entry])] = found.items()
    assert [(queue, change.id) for change in changes_of(queue, entry)] == [("low", "after")]


def test_a_follower_hears_nothing_where_nothing_happens(yard: Yard, settings: Settings) -> None:
    yard.submit("before")

    async def use(store: AsyncStore, follower: Follower) -> Any:
        return await follower.wait(now(yard))

    assert follow(settings, use) == {}


def test_a_follower_that_lost_its_connection_says_so_until_it_is_told_to_connect(
    yard: Yard, settings: Settings
) -> None:
    yard.submit("before")

    async def use(store: AsyncStore, follower: Follower) -> Any:
        waiting = asyncio.create_task(follower.wait(now(yard)))
        await asyncio.to_thread(wait_for, lambda: is_waiting(yard))
        yard.client.client_kill_filter(_type="normal", skipme=True)
        for attempt in (waiting, follower.wait(now(yard))):
            with pytest.raises(StoreUnavailableError):
                await attempt
        await follower.connect()
        return await follower.run(event_calls.names())

    assert follow(settings, use) == ["default"]


def test_a_follower_that_is_called_off_can_be_used_again(yard: Yard, settings: Settings) -> None:
    yard.submit("before")

    async def use(store: AsyncStore, follower: Follower) -> Any:
        waiting = asyncio.create_task(follower.wait(now(yard)))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await follower.connect()
        return await follower.run(event_calls.names())

    assert follow(settings, use) == ["default"]


def test_a_place_is_read_as_it_is_written() -> None:
    place = place_of(b"1700000000000-7")

    assert (place.ms, place.seq, place.entry) == (1_700_000_000_000, 7, "1700000000000-7")
