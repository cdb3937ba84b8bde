"""All that a worker needs for jobs of plain RQ code, put together, started and ended as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.connection import connect
from jobyard.settings import CONNECTION
from jobyard.store import Store
from jobyard_worker.rqjobs.commands import Commands
from jobyard_worker.rqjobs.horses import Stable
from jobyard_worker.rqjobs.rider import Rider
from jobyard_worker.rqjobs.upkeep import Upkeep
from jobyard_worker.rqjobs.webhooks import Courier

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard_worker.rqjobs.terms import Terms
    from jobyard_worker.settings import WorkerSettings
    from jobyard_worker.traces import Traces

_COURIER_SECONDS = 10.0
"""For webhooks on their way, RQ's default timeout of one."""


_OF_HORSES = {*CONNECTION, "key_prefix", "log_level", "log_format"}
"""Settings that a horse needs too."""


class Handlers:
    """``terms.is_of_rq`` says whether RQ's command line started the worker: it does more then."""

    def __init__(
        self, settings: WorkerSettings, terms: Terms, traces: Traces | None = None
    ) -> None:
        self._terms = terms
        shared = settings.model_dump(include=_OF_HORSES)
        self._stable = Stable(shared, kill_seconds=settings.kill_seconds)
        self._courier = Courier()
        self._store = Store(connect(settings), settings.keys)
        self._upkeep = Upkeep(
            self._store, lease_seconds=settings.lease_seconds, promotes=terms.promotes
        )
        self.rider = Rider(
            self._stable,
            self._courier,
            terms,
            crash_budget=settings.crash_budget,
            relay=traces.relay if traces else id,
        )
        self._commands = Commands(self._store, self.rider)

    def start(self, ask_to_stop: Callable[[], None]) -> None:
        """Starts the threads, and the stable where jobs of plain RQ code are sure to come."""
        self._commands.start(ask_to_stop)
        if self._terms.is_of_rq:
            self._stable.warm()
            self._upkeep.start()

    def listen_as(self, worker: str) -> None:
        """The worker's name under its newest lease: commands come under it."""
        self._commands.listen_as(worker)

    def stop(self) -> None:
        """After the last settlement: what is on its way is waited for."""
        if self._terms.is_of_rq:
            self._upkeep.stop()
        self._courier.close(_COURIER_SECONDS)
