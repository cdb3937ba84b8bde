"""Points at which a process can be killed: recorded by the trip wire, never listed by hand."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from jobyard.store.scripts import script

if TYPE_CHECKING:
    from collections.abc import Iterable

WIRE = Path(__file__).resolve().parent / "wire"
"""On ``PYTHONPATH`` of every process that may be killed at a point."""

_SHA_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class Point:
    """The ``number``-th time that a process of ``role`` does ``label``; ``when``: before, after."""

    role: str
    label: str
    number: int
    when: str

    def trip(self, fuse: Path, *, reach: str = "self") -> str:
        """The order to die there, for ``JOBYARD_CHAOS_TRIP``."""
        return "|".join((self.role, self.label, str(self.number), self.when, reach, str(fuse)))

    def described(self) -> str:
        """In words."""
        return f"{self.role} {self.when} {named(self.label)} no. {self.number}"


def recorded(trace: Path) -> list[Point]:
    """The points of a trace in the order of their first passing, each once."""
    if not trace.exists():
        return []
    rows = (line.split() for line in trace.read_text().splitlines())
    return list(dict.fromkeys(Point(row[0], row[2], int(row[3]), row[4]) for row in rows))


def of_roles(points: Iterable[Point], *roles: str) -> list[Point]:
    """The points of some roles."""
    return [point for point in points if point.role in roles]


def since(points: list[Point], role: str, script_name: str) -> list[Point]:
    """The points of ``role`` from its first run of a script on; what is before it is alike."""
    own = of_roles(points, role)
    labels = [named(point.label) for point in own]
    return own[labels.index(script_name) :] if script_name in labels else own


def named(label: str) -> str:
    """A label with the name of its script in place of the SHA-1."""
    return _NAMES.get(label, label)


def _scripts() -> dict[str, str]:
    """Label → name of every script that there is."""
    folder = resources.files("jobyard.store") / "lua"
    names = [file.name.removesuffix(".lua") for file in folder.iterdir()]
    return {f"SCRIPT:{script(name).sha[:_SHA_CHARACTERS]}": name for name in names}


_NAMES = _scripts()
