"""The only package that talks to Redis: two doors, the calls that go through, and the records."""

from jobyard.store import calls, records
from jobyard.store.front import AsyncStore, Store

__all__ = ["AsyncStore", "Store", "calls", "records"]
