"""A picture of a burst from what was recorded: jobs left, and pods wanted and ready, over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from support.ledger import Ledger

_WIDTH, _HEIGHT, _MARGIN = 760, 300, 48
_NANO = 1_000_000_000

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Series:
    name: str
    colour: str
    points: Points
    most: float
    """The value at the top."""


def write_burst(
    target: Path, began: float, ledger: Ledger, replicas: list[tuple[float, int, int]]
) -> None:
    """Writes an SVG. ``began``: when submission began, in seconds as ``time.time`` has them."""
    ends = sorted(
        entry.time_ns / _NANO - began for entry in ledger.entries() if entry.event == "end"
    )
    left: Points = [(0.0, len(ends)), *((at, len(ends) - i - 1) for i, at in enumerate(ends))]
    wanted: Points = [(at - began, wanted) for at, wanted, _ in replicas]
    ready: Points = [(at - began, ready) for at, _, ready in replicas]
    last = max(at for at, _ in [*left, *wanted])
    most = max((value for _, value in [*wanted, *ready]), default=1) or 1
    series = [
        _Series("jobs not yet ended", "#3366cc", left, len(ends)),
        _Series("pods wanted", "#dd7722", _steps(wanted, last), most),
        _Series("pods ready", "#339955", _steps(ready, last), most),
    ]
    parts = [
        *(_line(each, last, row) for row, each in enumerate(series)),
        _text(_MARGIN, _HEIGHT - 12, "0 s"),
        _text(_WIDTH - _MARGIN - 40, _HEIGHT - 12, f"{last:.0f} s"),
        _text(4, _MARGIN, f"{len(ends)} / {most:.0f}"),
        _text(4, _HEIGHT - _MARGIN, "0"),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
    style = "<style>text{font:12px sans-serif;fill:#555}polyline{fill:none;stroke-width:2}</style>"
    target.write_text("\n".join([head, style, *parts, "</svg>\n"]))


def _steps(points: Points, last: float) -> Points:
    """A value holds until the next one."""
    stepped: Points = []
    for (at, value), (until, _) in zip(points, [*points[1:], (last, 0)], strict=True):
        stepped += [(max(at, 0), value), (max(until, 0), value)]
    return stepped


def _line(series: _Series, last: float, row: int) -> str:
    points = " ".join(
        f"{_x(at, last):.1f},{_y(value, series.most):.1f}" for at, value in _thinned(series.points)
    )
    place = f'x="{_MARGIN + 160 * row}" y="20"'
    legend = f'<text {place} style="fill:{series.colour}">{series.name}</text>'
    return f'<polyline stroke="{series.colour}" points="{points}"/>{legend}'


def _thinned(points: Points) -> Iterable[tuple[float, float]]:
    """No more points than can be seen."""
    step = max(1, len(points) // _WIDTH)
    return [*points[::step], points[-1]] if points else []


def _x(at: float, last: float) -> float:
    return _MARGIN + (_WIDTH - 2 * _MARGIN) * at / (last or 1)


def _y(value: float, most: float) -> float:
    return _HEIGHT - _MARGIN - (_HEIGHT - 2 * _MARGIN) * value / (most or 1)


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x}" y="{y}">{text}</text>'
