"""Jobyard's scheduler: promotes, reaps, ticks and prunes, whether or not a worker is alive."""
