"""Figures that the fault tests measure, shown at the end of the run and quoted in docs."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Figures:
    """Collects ``(test, name, value)`` of one session."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def lines(self) -> list[str]:
        """One readable line a figure."""
        return [f"{test}: {name} = {value}" for test, name, value in self.rows]
