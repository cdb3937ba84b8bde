"""The table of the chart's values, as the chart's README has it."""

from __future__ import annotations

from reference.page import Page
from values_reference import CHART, table_of


def values() -> str:
    """All values with their defaults."""
    return table_of((CHART / "values.yaml").read_text("utf-8"))


PAGE = Page("values.md", "helm/jobyard/values.yaml", values)
