"""The must-hold rows of the chart on a real cluster: ``make e2e``."""
