"""Fixtures of the tests of dashboards and rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.processes import Services

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def module_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Starts commands for all tests of a module."""
    services = Services(tmp_path_factory.mktemp("yard"), {})
    yield services
    services.end()
