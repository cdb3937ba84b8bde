"""A replica takes over as primary while clients follow: they miss nothing that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from conftest import require
from jobyard.connection import connect
from jobyard.errors import StoreUnavailableError
from jobyard.settings import Settings
from jobyard.store import Store, calls
from support.api_server import running_api
from support.builders import build_submission
from support.event_stream import event_stream
from support.sentinel import Pair
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.servers import Engine

pytestmark = [pytest.mark.both_engines, pytest.mark.slow]


@pytest.fixture
def pair(engine: Engine, tmp_path: Path) -> Iterator[Pair]:
    require(engine)
    with Pair(engine, tmp_path, down_after_seconds=2.0) as pair:
        yield pair


@pytest.fixture
def store(pair: Pair) -> Iterator[Store]:
    settings = Settings.load(redis_url=pair.url, _env_file=None)
    store = Store(connect(settings), settings.keys)
    yield store
    store.close()


def submit(store: Store, job_id: str) -> None:
    """However often it takes: a job of one id is stored once."""

    def stored() -> bool:
        try:
            return bool(store.run(calls.submit([build_submission(id=job_id)])))
        except StoreUnavailableError:
            return False

    wait_for(stored, 60)


def test_who_follows_misses_nothing_in_a_planned_failover(pair: Pair, store: Store) -> None:
    ids = [f"j{n:03}" for n in range(40)]
    with (
        running_api(pair.url) as url,
        httpx.Client(base_url=url, timeout=60) as client,
        event_stream(client, "/v1/events") as stream,
    ):
        for job_id in ids[:20]:
            submit(store, job_id)
        pair.hand_over()
        wait_for(lambda: pair.has_switched, 60)
        for job_id in ids[20:]:
            submit(store, job_id)

        events = stream.some(40)

    assert [event.kind for event in events] == ["state"] * 40
    assert [event.data["id"] for event in events] == ids


def test_who_followed_a_primary_that_died_with_what_the_replica_lacks_is_told(
    pair: Pair, store: Store
) -> None:
    with (
        running_api(pair.url) as url,
        httpx.Client(base_url=url, timeout=60) as http,
        event_stream(http, "/v1/events") as stream,
    ):
        submit(store, "kept")
        assert stream.next().data["id"] == "kept"
        pair.replicate()
        pair.replica.pause()
        with pair.primary.client() as client:
            client.client_kill_filter(_type="replica")
        submit(store, "lost")
        assert stream.next().data["id"] == "lost"
        pair.primary.kill()
        pair.replica.resume()
        wait_for(lambda: pair.has_switched, 60)

        assert stream.next().kind == "gap"
        submit(store, "after")
        assert stream.next().data["id"] == "after"
