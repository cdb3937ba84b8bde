"""Jobyard's command line: the whole yard on one machine, and a client of its API."""
