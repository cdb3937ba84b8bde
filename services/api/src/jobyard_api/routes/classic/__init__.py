"""The routes of the five systems that Jobyard grew from: thin fronts of the same core."""

QUEUES = ("high", "low")
"""Queues that these routes name by themselves (``priority.py``)."""
