"""Breaks the product in one place at a time, and says which breaks no test would notice."""
