"""The load lab: drives a yard with an open loop, accounts for every job, and reports."""
