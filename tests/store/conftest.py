"""Fixtures of the store's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.yard import Yard

if TYPE_CHECKING:
    import redis

    from jobyard.store import Store


@pytest.fixture
def yard(store: Store, client: redis.Redis) -> Yard:
    """An empty yard."""
    return Yard(store, client)
