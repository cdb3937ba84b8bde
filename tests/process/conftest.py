"""Fixtures of tests that run whole services, and the table of what they measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.api_server import api, api_client, api_url
from support.figures import Figures

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["api", "api_client", "api_url"]

_FIGURES = pytest.StashKey[Figures]()


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str, object], None]:
    """``figure(name, value)`` puts a measured value into the table at the end of the run."""
    figures = request.config.stash.setdefault(_FIGURES, Figures())

    def note(name: str, value: object) -> None:
        shown = f"{value:.2f}" if isinstance(value, float) else str(value)
        figures.rows.append((request.node.name, name, shown))

    return note


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    figures = config.stash.get(_FIGURES, None)
    if figures is None:
        return
    terminalreporter.section("measured")
    for line in figures.lines():
        terminalreporter.write_line(line)
