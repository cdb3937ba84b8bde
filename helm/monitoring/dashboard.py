"""Dashboards: rows of panels under common variables, and their JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitoring.panel import DATA_SOURCE, json_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.panel import Json, Panel

_SCHEMA = 41
"""Of Grafana 11.6 and 12; newer ones move it on when they load it."""
_COLUMNS = 24


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top: the values of ``label`` on ``series``, several or all of them."""

    name: str
    series: str
    label: str
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """Panels from left to right, as many lines of them as they need."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One page. ``name`` is its file's and, after ``jobyard-``, its address in Grafana."""

    name: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

    @property
    def panels(self) -> list[Panel]:
        """All panels, in order."""
        return [panel for row in self.rows for panel in row.panels]


def text_of(dashboard: Dashboard) -> str:
    """The file that Grafana imports."""
    return json.dumps(_json_of(dashboard), indent=2, ensure_ascii=False) + "\n"


def _json_of(dashboard: Dashboard) -> Json:
    return {
        "uid": f"jobyard-{dashboard.name}",
        "title": f"Jobyard / {dashboard.title}",
        "description": f"{dashboard.description} Generated from helm/monitoring; change it there.",
        "tags": ["jobyard"],
        "schemaVersion": _SCHEMA,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "links": [_LINK],
        "annotations": {"list": [_ALERTS]},
        "templating": {"list": [_SOURCE, *map(_variable, dashboard.variables)]},
        "panels": list(_placed(dashboard.rows)),
    }


_LINK = {
    "title": "Jobyard",
    "type": "dashboards",
    "tags": ["jobyard"],
    "asDropdown": True,
    "includeVars": True,
    "keepTime": True,
    "icon": "external link",
    "targetBlank": False,
    "tooltip": "",
    "url": "",
}

_ALERTS = {
    "name": "Alerts",
    "datasource": DATA_SOURCE,
    "enable": True,
    "iconColor": "red",
    "expr": 'ALERTS{alertname=~"Jobyard.+", alertstate="firing", namespace=~"$namespace"}',
    "titleFormat": "{{alertname}}",
    "textFormat": "{{queue}} {{task}} {{pool}}",
}

_SOURCE = {
    "name": "datasource",
    "label": "Data source",
    "type": "datasource",
    "query": "prometheus",
    "refresh": 1,
    "hide": 0,
    "includeAll": False,
    "multi": False,
}


def _variable(variable: Variable) -> Json:
    query = f"label_values({variable.series}, {variable.label})"
    return {
        "name": variable.name,
        "label": variable.title,
        "type": "query",
        "datasource": DATA_SOURCE,
        "query": {"query": query, "refId": "StandardVariableQuery"},
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def _placed(rows: tuple[Row, ...]) -> Iterator[Json]:
    """Row heads and panels with their places; a line is as high as its highest panel."""
    number, top = 0, 0
    for row in rows:
        number, left, height = number + 1, 0, 0
        yield _head(row, number, top)
        top += 1
        for panel in row.panels:
            if left + panel.width > _COLUMNS:
                top, left, height = top + height, 0, 0
            number += 1
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            yield json_of(panel, number, place)
            left, height = left + panel.width, max(height, panel.height)
        top += height


def _head(row: Row, number: int, top: int) -> Json:
    place = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
    return {
        "id": number,
        "type": "row",
        "title": row.title,
        "collapsed": False,
        "gridPos": place,
        "panels": [],
    }
