"""Panels of a dashboard: what is asked, how it is shown, and what the reader should think of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}

Json = dict[str, Any]


class Kind(StrEnum):
    """Grafana's panel types that we use."""

    SERIES = "timeseries"
    STAT = "stat"
    BARS = "bargauge"
    HEATMAP = "heatmap"
    TABLE = "table"


class Unit(StrEnum):
    """Grafana's ids of units."""

    BYTES = "bytes"
    CORES = "none"
    COUNT = "short"
    PER_SECOND = "ops"
    REQUESTS = "reqps"
    SECONDS = "s"
    SHARE = "percentunit"


class Colour(StrEnum):
    """What a value means."""

    GOOD = "green"
    LOOK = "orange"
    BAD = "red"


@dataclass(frozen=True, slots=True)
class Query:
    """An expression; ``legend`` names its series by their labels, as in ``{{queue}}``.

    In a table ``legend`` is the head of a column, and ``unit`` its unit.
    """

    expression: str
    legend: str
    unit: Unit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel of a row of 24 columns.

    ``steps`` are values with the colour from there on, after ``start``; ``words`` are shown
    instead of values; ``most`` is the end of the axis, where there is one.
    """

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: Unit = Unit.COUNT
    kind: Kind = Kind.SERIES
    start: Colour = Colour.GOOD
    steps: tuple[tuple[float, Colour], ...] = ()
    words: tuple[tuple[int, str], ...] = ()
    width: int = 8
    height: int = 8
    is_stacked: bool = False
    most: float | None = None


def json_of(panel: Panel, number: int, place: Json) -> Json:
    """The panel as Grafana reads it, at ``place`` of the grid."""
    return {
        "id": number,
        "type": panel.kind.value,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATA_SOURCE,
        "gridPos": place,
        "targets": [_target(panel.kind, *named) for named in zip("ABCDEFGHIJ", panel.queries)],  # noqa: B905 - more letters than queries
        "fieldConfig": {"defaults": _defaults(panel), "overrides": _columns(panel)},
        "options": _OPTIONS[panel.kind],
        "transformations": _as_one_table(panel) if panel.kind is Kind.TABLE else [],
    }


def _target(kind: Kind, letter: str, query: Query) -> Json:
    is_instant = kind in {Kind.TABLE, Kind.BARS}
    return {
        "refId": letter,
        "datasource": DATA_SOURCE,
        "editorMode": "code",
        "expr": query.expression,
        "legendFormat": query.legend,
        "instant": is_instant,
        "range": not is_instant,
        "format": _FORMATS.get(kind, "time_series"),
        "exemplar": kind is Kind.SERIES and "_bucket{" in query.expression,
    }


_FORMATS = {Kind.TABLE: "table", Kind.HEATMAP: "heatmap"}


def _defaults(panel: Panel) -> Json:
    steps: list[Json] = [{"value": None, "color": panel.start.value}]
    steps += [{"value": value, "color": colour.value} for value, colour in panel.steps]
    return {
        "unit": panel.unit.value,
        "min": 0,
        **({} if panel.most is None else {"max": panel.most}),
        "thresholds": {"mode": "absolute", "steps": steps},
        "mappings": _mappings(panel.words),
        "color": {"mode": "palette-classic" if panel.kind is Kind.SERIES else "thresholds"},
        "custom": _style(panel),
    }


def _mappings(words: tuple[tuple[int, str], ...]) -> list[Json]:
    options = {str(value): {"text": word, "index": n} for n, (value, word) in enumerate(words)}
    return [{"type": "value", "options": options}] if words else []


def _style(panel: Panel) -> Json:
    if panel.kind is not Kind.SERIES:
        return {}
    return {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 30 if panel.is_stacked else 10,
        "showPoints": "never",
        "stacking": {"group": "A", "mode": "normal" if panel.is_stacked else "none"},
        "thresholdsStyle": {"mode": "dashed" if panel.steps else "off"},
    }


def _columns(panel: Panel) -> list[Json]:
    return [
        {
            "matcher": {"id": "byName", "options": query.legend},
            "properties": [{"id": "unit", "value": query.unit.value}],
        }
        for query in panel.queries
        if query.unit is not None
    ]


def _as_one_table(panel: Panel) -> list[Json]:
    """One row for each set of labels, one column for each query."""
    letters = zip("ABCDEFGHIJ", panel.queries)  # noqa: B905 - as above
    names = {f"Value #{letter}": query.legend for letter, query in letters}
    names["Value"] = panel.queries[0].legend  # what Grafana calls the only one
    return [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": names}},
    ]


_REDUCED = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: dict[Kind, Json] = {
    Kind.SERIES: {
        "legend": {
            "showLegend": True,
            "displayMode": "list",
            "placement": "bottom",
            "calcs": [],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    Kind.STAT: {
        "reduceOptions": _REDUCED,
        "colorMode": "background",
        "graphMode": "area",
        "justifyMode": "auto",
        "textMode": "auto",
        "orientation": "auto",
    },
    Kind.BARS: {
        "reduceOptions": _REDUCED,
        "displayMode": "basic",
        "orientation": "horizontal",
        "valueMode": "color",
        "showUnfilled": True,
        "minVizWidth": 8,
        "minVizHeight": 16,
    },
    Kind.HEATMAP: {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5},
        "yAxis": {"unit": "s", "axisPlacement": "left"},
        "tooltip": {"mode": "single", "yHistogram": False},
        "legend": {"show": True},
    },
    Kind.TABLE: {"showHeader": True, "cellHeight": "sm"},
}
