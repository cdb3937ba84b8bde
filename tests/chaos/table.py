"""The one table that a chaos run prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaos.verdict import Verdict

_HEAD = (
    "scenario", "executor", "points/kills", "lost", "doubled (allowed)", "stale accepted (refused)",
    "slowest rescue s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario with one executor. ``figure`` is what else it measured."""

    scenario: str
    executor: str
    verdict: Verdict
    figure: str = ""

    def cells(self) -> tuple[str, ...]:
        """As in the table's head."""
        it = self.verdict
        unreached = f" ({it.unreached} not met)" if it.unreached else ""
        return (
            f"{self.scenario}{', ' if self.figure else ''}{self.figure}",
            self.executor,
            f"{it.kills}{unreached}",
            str(it.lost),
            f"{it.doubled} ({it.allowed})",
            f"{it.stale} ({it.refused})",
            f"{it.slowest_seconds:.1f}" if it.slowest_seconds else "-",
        )


def render(rows: Sequence[Row]) -> str:
    """The table as Markdown, so that it can be kept in a document."""
    lines = [_HEAD, tuple("---" for _ in _HEAD), *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    return "\n".join(
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def complaints(rows: Sequence[Row]) -> list[str]:
    """All that went wrong, in words."""
    return [
        f"{row.scenario} ({row.executor}): {text}"
        for row in rows
        for text in row.verdict.complaints
    ]
