"""A replica has taken over behind Sentinel: every connection goes to it, whoever holds it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from conftest import require
from jobyard.connection import connect, connect_async
from jobyard.errors import StoreUnavailableError
from jobyard.settings import Settings
from jobyard.store import AsyncStore, Store, calls
from jobyard.store.standing import StandingCall
from support.builders import build_nonce, build_submission
from support.sentinel import Pair, sentinel, sentinel_url
from support.servers import free_port
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from jobyard.store.calls import Call
    from jobyard.store.records.delivery import Claim
    from jobyard.store.records.oversight import QueueInfo
    from support.servers import Engine, StoreServer

LINES = 4
"""Connections of a store at the moment of the failover."""
QUEUES = ("default",)
WORKER = "worker-1"


@pytest.fixture
def pair(engine: Engine, tmp_path: Path) -> Iterator[Pair]:
    require(engine)
    with Pair(engine, tmp_path, down_after_seconds=5.0) as pair:
        yield pair


def test_a_store_writes_to_the_new_primary_and_leaves_the_old_one(pair: Pair) -> None:
    store = open_store(pair.url)
    with ThreadPoolExecutor(LINES) as threads:
        list(threads.map(lambda _: store.run(calls.queues()), range(LINES)))
        pair.hand_over()
        wait_for(lambda: pair.has_switched)

        wait_for(lambda: is_taken(store))

        list(threads.map(lambda _: store.run(calls.queues()), range(LINES * 10)))
    assert not pair.lines_to_old_primary()
    store.close()


def test_an_asynchronous_store_does_so_too(pair: Pair) -> None:
    async def follow() -> None:
        async with open_async_store(pair.url, seconds=5.0) as store:
            await asyncio.gather(*(store.run(calls.queues()) for _ in range(LINES)))
            pair.hand_over()
            wait_for(lambda: pair.has_switched)

            async with asyncio.timeout(30):
                while not await is_taken_by(store):
                    pass

            await asyncio.gather(*(store.run(calls.queues()) for _ in range(LINES)))
            assert not pair.lines_to_old_primary()

    asyncio.run(follow())


def test_a_standing_claim_is_made_by_the_new_primary(pair: Pair) -> None:
    store = open_store(pair.url)
    store.run(calls.join(WORKER, pool="default", slots=1, lease_seconds=60))
    store.run(build_claim())
    standing: StandingCall[Claim] = StandingCall(store, QUEUES)
    standing.send(build_claim())
    pair.hand_over()
    wait_for(lambda: pair.has_switched)
    standing.close()
    wait_for(lambda: is_taken(store))
    store.run(calls.claim(WORKER, build_nonce(), QUEUES, 0))  # the script is known there now

    standing.send(build_claim())

    assert len(standing.receive().jobs) == 1
    store.close()


def test_a_sentinel_that_is_gone_is_passed_over(server: StoreServer, tmp_path: Path) -> None:
    async def look(url: str) -> list[QueueInfo]:
        async with open_async_store(url, seconds=1.0) as store:
            return await store.run(calls.queues())

    with sentinel(server, tmp_path) as port:
        assert asyncio.run(look(sentinel_url(free_port(), port))) == []


def is_taken(store: Store) -> bool:
    try:
        store.run(calls.submit([build_submission()]))
    except StoreUnavailableError:
        return False
    return True


async def is_taken_by(store: AsyncStore) -> bool:
    try:
        await store.run(calls.submit([build_submission()]))
    except StoreUnavailableError:
        return False
    return True


def build_claim() -> Call[Claim]:
    return calls.claim(WORKER, build_nonce(), QUEUES, 1)


def open_store(url: str) -> Store:
    settings = Settings.load(redis_url=url, _env_file=None)
    return Store(connect(settings), settings.keys)


@asynccontextmanager
async def open_async_store(url: str, *, seconds: float) -> AsyncIterator[AsyncStore]:
    settings = Settings.load(redis_url=url, _env_file=None)
    store = AsyncStore(connect_async(settings), settings.keys, seconds=seconds)
    yield store
    await store.close()
    pool: Any = store.client.connection_pool
    for client in pool.sentinel_manager.sentinels:
        await client.aclose()
