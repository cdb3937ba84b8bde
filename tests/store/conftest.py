"""Fixtures of the store's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.yard import Yard

if TYPE_CHECKING:
    from jobyard.store import Store
    from support.servers import RawClient


@pytest.fixture
def yard(store: Store, client: RawClient) -> Yard:
    """An empty yard."""
    return Yard(store, client)
