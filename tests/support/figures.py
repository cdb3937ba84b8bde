"""Figures that the fault tests measure, shown at the end of the run and quoted in docs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True, slots=True)
class Figures:
    """What one test measured; it travels with the test's report, between processes too."""

    test: pytest.Item

    def note(self, name: str, value: object) -> None:
        """Adds one figure."""
        shown = f"{value:.2f}" if isinstance(value, float) else str(value)
        self.test.user_properties.append((name, shown))


def lines_of(report: Any) -> list[str]:
    """One readable line a figure of a test's report; none for any other report."""
    if getattr(report, "when", None) != "call":
        return []
    test = report.nodeid.rpartition("::")[2]
    return [f"{test}: {name} = {value}" for name, value in report.user_properties]
