"""What the yard asks the store itself. Imported late: the Redis client must not delay the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.connection import connect, describe
from jobyard.errors import JobyardError, StoreDataError, StoreUnavailableError
from jobyard.store import Store, calls, scaling_calls

if TYPE_CHECKING:
    from collections.abc import Collection

    from jobyard.scaling import Load, Pool
    from jobyard_cli.settings import UpSettings


class StoreMissingError(JobyardError):
    """The named server does not answer."""


def check_store(settings: UpSettings) -> None:
    """Checks that the outside server answers.

    Raises:
        StoreMissingError: It does not.
        ConfigurationError: Its URL cannot be read.
    """
    if reason := _trouble(settings):
        raise StoreMissingError(
            f"No store answers at {describe(settings.redis_url)} ({reason}). Start it, correct "
            "--redis-url or JOBYARD_REDIS_URL, or leave both out: then an embedded one is started"
        )


class Roll:
    """The workers that are registered in the store."""

    def __init__(self, settings: UpSettings) -> None:
        self._store = Store(connect(settings), settings.keys)

    def has_any(self, pids: Collection[int]) -> bool:
        """Whether a worker with one of ``pids`` is registered."""
        try:
            return any(worker.pid in pids for worker in self._store.run(calls.workers()))
        except (StoreUnavailableError, StoreDataError):
            return False

    def idle(self, pids: Collection[int]) -> set[int]:
        """Those of ``pids`` whose workers hold no job now; none where that cannot be known."""
        try:
            workers = self._store.run(calls.workers())
        except (StoreUnavailableError, StoreDataError):
            return set()
        free = {each.pid for each in workers if not each.held and not each.busy}
        return {pid for pid in pids if pid in free}

    def load(self, pool: Pool) -> Load | None:
        """What a pool has to do; None where that cannot be known."""
        try:
            return self._store.run(scaling_calls.loads([pool]))[pool.name]
        except (StoreUnavailableError, StoreDataError):
            return None


def _trouble(settings: UpSettings) -> str:
    store = Store(connect(settings), settings.keys)
    try:
        store.ping()
    except Exception as error:  # noqa: BLE001 - something that is no store may say anything
        return str(error.__cause__ or error).rstrip(".")
    else:
        return ""
    finally:
        store.close()
