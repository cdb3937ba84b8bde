"""The report as one page of HTML that needs no network."""

from __future__ import annotations

import html
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_PARTS = resources.files("loadlab") / "page"


def page_of(runs: Sequence[dict[str, Any]]) -> str:
    """The page of one run, or of two side by side."""
    filled = {
        "title": html.escape("Load test: " + ", ".join(run["scenario"]["name"] for run in runs)),
        "style": _part("page.css"),
        "charts": _part("charts.js"),
        "script": _part("report.js"),
        # A text in the data must not end the element that it is in.
        "runs": json.dumps(runs).replace("</", "<\\/"),
    }
    page = _part("page.html")
    for name, text in filled.items():
        page = page.replace("{{" + name + "}}", text)
    return page


def _part(name: str) -> str:
    return (_PARTS / name).read_text()
