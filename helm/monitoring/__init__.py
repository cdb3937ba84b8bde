"""Dashboards and rules as code: ``python -m monitoring`` writes what the chart and Compose ship."""
