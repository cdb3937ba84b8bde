"""The values that the chart is rendered with in tests: its defaults, and its ci folder's."""

from __future__ import annotations

from typing import Any

import yaml

from support.chart import CHART

CASES: dict[str, dict[str, Any]] = {
    "default": {},
    **{
        path.name.removesuffix("-values.yaml"): yaml.safe_load(path.read_text())
        for path in sorted((CHART / "ci").glob("*-values.yaml"))
    },
}
