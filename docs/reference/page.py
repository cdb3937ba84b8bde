"""A page of Markdown whose generated part stands between two marks, within what hands wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DOCS = Path(__file__).resolve().parents[1]
_END = "<!-- End of what is generated. -->"


@dataclass(frozen=True, slots=True)
class Page:
    """One page below ``docs/``, what its generated part is made from, and by whom."""

    name: str
    source: str
    generated: Callable[[], str]

    @property
    def path(self) -> Path:
        """Where it is."""
        return DOCS / self.name

    def renewed(self) -> str:
        """The text of the page, as it is and with its generated part made anew.

        Raises:
            ValueError: It lacks its marks.
        """
        begin = f"<!-- Generated from {self.source} by `make reference`. -->"
        before, found, rest = self.path.read_text("utf-8").partition(begin)
        _, end, after = rest.partition(_END)
        if not found or not end:
            raise ValueError(f"docs/{self.name} lacks the line {begin!r} or {_END!r}")
        return f"{before}{begin}\n\n{self.generated()}\n{_END}{after}"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table.

    Raises:
        ValueError: A cell has a bar, which readers of Markdown escape in different ways.
    """
    names = tuple(head)
    lines = [names, ("---",) * len(names), *rows]
    for cell in (cell for line in lines for cell in line if "|" in cell):
        raise ValueError(f"a cell of a table has a bar: {cell!r}")
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
