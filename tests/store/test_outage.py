"""The store refuses, fills up, reloads, goes away, or loses a reply: what the caller is told."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from jobyard.connection import connect, connect_async
from jobyard.errors import StoreDataError, StoreUnavailableError
from jobyard.settings import Settings
from jobyard.states import State
from jobyard.store import AsyncStore, Store, calls
from jobyard.store.records.delivery import Settled
from support.builders import build_settlement, build_submission
from support.consistency import displaced, verify
from support.scenarios import SCENARIOS
from support.waiting import wait_for
from support.yard import Yard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from jobyard.store.calls import Call
    from support.proxy import Proxy
    from support.servers import StoreServer


TAKES_WORK_IN = {
    *("submit", "submit large", "submit together", "submit replacing"),
    *("fire", "publish", "progress", "retry", "key create", "session open"),
}


def settings_for(url: str, **overrides: Any) -> Settings:
    return Settings.load(redis_url=url, _env_file=None, **overrides)


def run_async(settings: Settings, use: Callable[[AsyncStore], Awaitable[Any]]) -> Any:
    """Runs ``use`` with an asynchronous store of its own."""

    async def main() -> Any:
        client = connect_async(settings)
        store = AsyncStore(client, settings.keys, seconds=settings.redis_timeout_seconds)
        try:
            return await use(store)
        finally:
            await store.close()

    return asyncio.run(main())


def both_say(settings: Settings, call: Call[Any], error: type[Exception]) -> str:
    """Asserts that both doors raise ``error`` for ``call``; returns the message of one."""
    store = Store(connect(settings), settings.keys)
    with pytest.raises(error) as raised:
        store.run(call)
    store.close()
    with pytest.raises(error):
        run_async(settings, lambda door: door.run(call))
    return str(raised.value)


def a_submission() -> Call[Any]:
    return calls.submit([build_submission(payload=b'{"x":"%s"}' % (b"x" * 1000))])


def test_a_replica_that_is_read_only_is_unavailable(durable_server: StoreServer) -> None:
    settings = settings_for(durable_server.url)
    with durable_server.client() as client:
        client.replicaof("127.0.0.1", 1)
        client.config_set("replica-serve-stale-data", "yes")

        both_say(settings, a_submission(), StoreUnavailableError)


def test_who_waits_at_a_server_that_is_demoted_hears_that_it_is_unavailable(
    durable_server: StoreServer,
) -> None:
    settings = settings_for(durable_server.url)
    store = Store(connect(settings), settings.keys)
    with durable_server.client() as client, ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(store.listen, ["default"])
        wait_for(lambda: any(each["flags"] == "b" for each in client.client_list()))
        client.replicaof("127.0.0.1", 1)

        with pytest.raises(StoreUnavailableError, match="UNBLOCKED"):
            waiting.result()
    store.close()


def test_a_replica_that_lost_its_primary_is_unavailable(durable_server: StoreServer) -> None:
    with durable_server.client() as client:
        client.config_set("replica-serve-stale-data", "no")
        client.replicaof("127.0.0.1", 1)

        both_say(settings_for(durable_server.url), a_submission(), StoreUnavailableError)


def test_too_few_replicas_is_unavailable(durable_server: StoreServer) -> None:
    with durable_server.client() as client:
        client.config_set("min-replicas-to-write", 1)

        both_say(settings_for(durable_server.url), a_submission(), StoreUnavailableError)


def test_a_full_store_is_unavailable_and_stores_nothing_by_half(
    durable_server: StoreServer,
) -> None:
    settings = settings_for(durable_server.url)
    with durable_server.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", client.info("memory")["used_memory"] - 1)
        before = client.dbsize()

        message = both_say(settings, a_submission(), StoreUnavailableError)

        assert client.dbsize() == before
        assert "OOM" in message


def test_a_store_that_has_room_again_takes_the_same_call(durable_server: StoreServer) -> None:
    settings = settings_for(durable_server.url)
    store = Store(connect(settings), settings.keys)
    call = a_submission()
    with durable_server.client() as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(StoreUnavailableError):
            store.run(call)
        client.config_set("maxmemory", 0)

        assert [outcome.status.value for outcome in store.run(call)] == ["created"]
    store.close()


def test_a_failed_disk_is_unavailable(durable_server: StoreServer) -> None:
    """MISCONF: the server refuses writes because it could not save."""
    with durable_server.client() as client:
        (durable_server.directory / "dump.rdb").mkdir()
        client.config_set("save", "3600 1")
        client.set("dirty", 1)
        client.bgsave()
        wait_for(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")

        message = both_say(settings_for(durable_server.url), a_submission(), StoreUnavailableError)

        assert "MISCONF" in message


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_full_store_does_a_move_whole_or_not_at_all(durable_yard: Yard, name: str) -> None:
    call = SCENARIOS[name](durable_yard)
    before = durable_yard.dump()
    durable_yard.client.config_set("maxmemory", 1)

    refused = not _is_done(durable_yard.store, call)

    after = durable_yard.dump()
    assert displaced(before, after, durable_yard.keys.prefix) == []
    assert refused is (name in TAKES_WORK_IN)
    if refused:
        assert after == before


def _is_done(store: Store, call: Call[Any]) -> bool:
    try:
        store.run(call)
    except StoreUnavailableError:
        return False
    return True


def test_a_full_store_can_still_be_read(durable_yard: Yard) -> None:
    durable_yard.submit("j1")
    durable_yard.client.config_set("maxmemory", 1)

    assert durable_yard.read("j1").state is State.QUEUED
    assert durable_yard.info().queued == 1


def test_jobs_that_run_end_while_the_store_is_full(durable_yard: Yard) -> None:
    first, second = durable_yard.claim_new("j1", "j2")
    durable_yard.client.config_set("maxmemory", 1)

    durable_yard.settle("succeeded", first)
    durable_yard.settle("failed", second)

    assert not durable_yard.renew().gone
    verify(durable_yard.client, durable_yard.keys)


def test_a_wrong_password_is_unavailable(durable_server: StoreServer) -> None:
    with durable_server.client() as client:
        client.config_set("requirepass", "secret")

        both_say(settings_for(durable_server.url), a_submission(), StoreUnavailableError)

        url = durable_server.url.replace("//", "//:wrong@")
        message = both_say(settings_for(url), a_submission(), StoreUnavailableError)

    assert message.startswith("The store refuses: WRONGPASS")


def test_a_user_without_the_right_is_unavailable(durable_server: StoreServer) -> None:
    with durable_server.client() as client:
        client.execute_command("ACL", "SETUSER", "weak", "on", ">pw", "~*", "+@read")

        url = durable_server.url.replace("//", "//weak:pw@")
        both_say(settings_for(url), a_submission(), StoreUnavailableError)


def test_a_server_in_protected_mode_is_unavailable(durable_server: StoreServer) -> None:
    """What a server without passwords says to all but its own machine's loopback addresses."""
    durable_server.options["bind"] = "0.0.0.0"
    durable_server.restart()
    url = durable_server.url.replace("127.0.0.1", own_address())

    message = both_say(settings_for(url), a_submission(), StoreUnavailableError)

    assert message.startswith("The store refuses: DENIED")
    assert "protected mode" in message
    assert len(message) < 300


def own_address() -> str:
    """An address of this machine that is no loopback one; to ask for the way sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but its loopback ones")
        return str(probe.getsockname()[0])


def test_a_user_of_the_prefix_alone_may_do_everything(yard: Yard, server: StoreServer) -> None:
    """One ACL pattern covers all keys (design §4)."""
    yard.client.execute_command(
        "ACL", "SETUSER", "yard", "on", ">pw", "~rq*", "+@all", "-@dangerous", "+info"
    )
    settings = settings_for(server.url.replace("//", "//yard:pw@"))
    limited = Store(connect(settings), settings.keys)
    try:
        for prepare in SCENARIOS.values():
            yard.client.flushall()
            limited.run(prepare(yard))
    finally:
        limited.close()
        yard.client.execute_command("ACL", "DELUSER", "yard")


def test_a_server_that_loads_its_data_is_unavailable_until_it_has(
    durable_server: StoreServer,
) -> None:
    settings = settings_for(durable_server.url)
    with durable_server.client() as client:
        for _ in range(20):
            client.mset({f"filler:{n}": "x" * 100 for n in range(1000)})
            client.flushdb()
        client.mset({f"filler:{n}": "x" * 100 for n in range(3000)})
    durable_server.options |= {
        "key-load-delay": "1000",
        "loading-process-events-interval-bytes": "1024",
    }
    durable_server.restart(wait=False)
    store = Store(connect(settings), settings.keys)
    said: set[str] = set()

    outcomes = wait_for(lambda: _outcome(store, said), 60)

    store.close()
    assert [outcome.status.value for outcome in outcomes] == ["created"]
    assert any("oading" in message or "refused" in message for message in said)


def _outcome(store: Store, said: set[str]) -> Any:
    try:
        return store.run(a_submission())
    except StoreUnavailableError as error:
        said.add(str(error))
        return None


def test_a_server_that_is_gone_is_unavailable_at_every_door(durable_server: StoreServer) -> None:
    settings = settings_for(durable_server.url)
    store = Store(connect(settings), settings.keys)
    store.ping()
    durable_server.kill()

    for use in (
        lambda: store.run(a_submission()),
        store.ping,
        lambda: store.listen(["default"], 0.1),
        lambda: run_async(settings, lambda door: door.run(a_submission())),
        lambda: run_async(settings, lambda door: door.ping()),
    ):
        with pytest.raises(StoreUnavailableError):
            use()
    store.close()


def test_a_store_serves_again_after_a_restart_without_a_new_client(
    durable_server: StoreServer,
) -> None:
    settings = settings_for(durable_server.url)
    store = Store(connect(settings), settings.keys)
    store.run(calls.submit([build_submission(id="kept")]))

    durable_server.restart()

    record = store.run(calls.read("kept"))
    store.close()
    assert record is not None
    assert record.state is State.QUEUED


def test_a_server_that_does_not_answer_is_unavailable_after_the_timeout(
    server: StoreServer,
) -> None:
    settings = settings_for(server.url, redis_timeout_seconds=0.2)
    server.pause()
    try:
        both_say(settings, a_submission(), StoreUnavailableError)
    finally:
        server.resume()


def test_scripts_are_sent_again_after_the_server_forgot_them(yard: Yard) -> None:
    yard.submit("j1")
    yard.client.script_flush()

    yard.submit("j2")

    assert yard.waiting() == ["j1", "j2"]


def test_scripts_are_sent_again_by_the_asynchronous_door(yard: Yard, settings: Settings) -> None:
    async def use(door: AsyncStore) -> None:
        await door.run(calls.submit([build_submission(id="j1")]))
        yard.client.script_flush()
        await door.run(calls.submit([build_submission(id="j2")]))

    run_async(settings, use)

    assert yard.waiting() == ["j1", "j2"]


def test_both_doors_say_the_same(yard: Yard, settings: Settings) -> None:
    [claimed] = yard.claim_new("j1")
    yard.settle("succeeded", claimed)

    reads: list[Call[Any]] = [
        calls.read("j1"),
        calls.queues(),
        calls.list_jobs("default"),
        calls.workers(),
    ]

    async def use(door: AsyncStore) -> list[Any]:
        return [await door.run(call) for call in reads]

    assert run_async(settings, use) == [yard.store.run(call) for call in reads]


def test_a_foreign_key_is_told_apart_from_an_outage(yard: Yard, settings: Settings) -> None:
    yard.client.set(yard.keys.queue("default"), "foreign")

    message = both_say(settings, a_submission(), StoreDataError)

    assert yard.keys.queue("default") in message


@pytest.fixture
def durable_yard(durable_server: StoreServer) -> Iterator[Yard]:
    """A yard on a server of its own, whose configuration may be spoiled."""
    settings = settings_for(durable_server.url)
    store = Store(connect(settings), settings.keys)
    with durable_server.client() as client:
        yield Yard(store, client)
    store.close()


def sent_until_answered(store: Store, call: Call[Any]) -> Any:
    """What our services do: repeat the same call while the store is away."""

    def answer() -> tuple[Any] | None:
        try:
            return (store.run(call),)
        except StoreUnavailableError:
            return None

    return wait_for(answer)[0]


def lose_reply_to(behind: Yard, proxy: Proxy, call: Call[Any]) -> None:
    """The next ``call`` takes effect and its reply is lost.

    The server learns the script before: else the lost reply says no more than NOSCRIPT.
    """
    behind.client.script_load(call.script.text)
    proxy.drop_reply_to(call.script.sha.encode())


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_lost_reply_leaves_the_same_as_one_that_came(
    behind: Yard, proxy: Proxy, name: str
) -> None:
    call = SCENARIOS[name](behind)
    behind.store.run(call)
    expected = shape(behind)
    behind.client.flushall()
    call = SCENARIOS[name](behind)
    lose_reply_to(behind, proxy, call)

    sent_until_answered(behind.store, call)

    assert proxy.dropped == 1
    assert shape(behind) == expected


def shape(yard: Yard) -> dict[str, Any]:
    """Everything but times and tokens: sizes of keys, and states of jobs."""
    return {
        key: value.get(b"status") if kind == "hash" and b"status" in value else (kind, len(value))
        for key, (kind, value, _) in yard.dump().items()
    }


def test_a_lost_reply_to_a_claim_loses_no_job(behind: Yard, proxy: Proxy) -> None:
    ids = [f"j{n:03}" for n in range(50)]
    behind.submit(*ids)
    behind.join("w1")
    call = calls.claim("w1", "nonce", ("default",), 20)
    lose_reply_to(behind, proxy, call)

    claim = sent_until_answered(behind.store, call)

    assert [job.id for job in claim.jobs] == ids[:20]
    assert behind.waiting() == ids[20:]
    verify(behind.client, behind.keys)


def test_a_lost_reply_to_a_settlement_ends_the_job_once(behind: Yard, proxy: Proxy) -> None:
    [claimed] = behind.claim_new("j1")
    call = calls.settle("w1", [build_settlement("succeeded", claimed)])
    lose_reply_to(behind, proxy, call)

    assert sent_until_answered(behind.store, call) == [Settled.AGAIN]

    assert len(behind.read("j1").history) == 1
    assert behind.counters()["succeeded"] == 1
    verify(behind.client, behind.keys)


def test_a_connection_that_was_cut_is_made_anew(behind: Yard, proxy: Proxy) -> None:
    behind.submit("j1")
    proxy.cut()

    sent_until_answered(behind.store, calls.submit([build_submission(id="j2")]))

    assert behind.waiting() == ["j1", "j2"]


def test_a_network_that_swallows_everything_is_unavailable_and_heals(
    behind: Yard, proxy: Proxy
) -> None:
    proxy.blackhole()
    with pytest.raises(StoreUnavailableError):
        behind.store.ping()

    proxy.heal()

    sent_until_answered(behind.store, calls.submit([build_submission(id="j1")]))
    assert behind.waiting() == ["j1"]


def test_a_network_that_refuses_is_unavailable_and_heals(behind: Yard, proxy: Proxy) -> None:
    proxy.refuse()
    with pytest.raises(StoreUnavailableError):
        behind.store.ping()

    proxy.heal()

    assert behind.store.ping() > 0


def test_a_slow_network_is_only_slow(behind: Yard, proxy: Proxy) -> None:
    proxy.delay(0.05)

    assert behind.store.ping() >= 0.05
