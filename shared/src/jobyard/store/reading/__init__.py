"""Turns replies of the scripts into records. Pure, and raises at nothing that is stored."""
