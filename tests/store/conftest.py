"""Fixtures of the store's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jobyard.connection import connect
from jobyard.settings import Settings
from jobyard.store import Store
from support.proxy import Proxy
from support.yard import Yard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.servers import RawClient, StoreServer


@pytest.fixture
def yard(store: Store, client: RawClient) -> Yard:
    """An empty yard."""
    return Yard(store, client)


@pytest.fixture
def proxy(server: StoreServer) -> Iterator[Proxy]:
    """A network between the tests and the server that fails on command."""
    with Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def behind(yard: Yard, proxy: Proxy) -> Iterator[Yard]:
    """A yard whose calls go through the proxy; its plain client does not."""
    settings = Settings.load(redis_url=proxy.url, redis_timeout_seconds=1.0, _env_file=None)
    store = Store(connect(settings), settings.keys)
    store.ping()
    yield Yard(store, yard.client)
    store.close()
