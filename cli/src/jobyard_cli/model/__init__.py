"""A model of a pool that is scaled: hours of jobs in seconds. Used by `jobyard plan` and loadtest.

Pure but for random numbers, which are drawn from a seed.
"""
