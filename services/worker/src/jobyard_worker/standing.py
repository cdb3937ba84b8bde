"""How an idle worker gets its next job: the claim stands at the store until a bell rings."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn

from jobyard.errors import StoreDataError, StoreUnavailableError
from jobyard.observability.logging import get_logger
from jobyard.store.records.delivery import Claim
from jobyard.store.standing import StandingCall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobyard.store import Store
    from jobyard.store.calls import Call
    from jobyard_worker.wake import Wake

_log = get_logger(__name__)

_PAUSE_SECONDS = 0.5
"""After a failure: so long the worker only looks from time to time, and does not fail again."""


class StandingClaim:
    """Sends a claim ahead; the store makes it when a bell rings, or after a second of silence.

    The silence matters: jobs that plain RQ code pushes ring no bell.
    """

    def __init__(self, store: Store, queues: Sequence[str], wake: Wake) -> None:
        self._standing: StandingCall[Claim] = StandingCall(store, queues)
        self._wake = wake
        self._paused_until: float | None = None
        self._is_lost = False

    def start(self) -> None:
        """Nothing has to run: the main loop's own sleep ends when the answer comes."""

    def ask(self, call: Call[Claim]) -> None:
        """Sends ``call`` ahead."""
        if self._paused_until is not None:
            return
        try:
            self._standing.send(call)
        except StoreUnavailableError:
            self._is_lost = True
        else:
            self._wake.watch(self._standing.socket)

    def take(self) -> Claim | None:
        """What the claim brought; None while it stands.

        Raises:
            StoreUnavailableError: It is not known what it brought.
        """
        if self._paused_until is not None:
            return self._look_after_pause()
        if self._wake.has_heard:
            return self._receive()
        if self._is_lost or self._standing.is_late:
            self._fail()
        return None

    def recall(self) -> None:
        """It stands no longer, or its answer is lost."""
        self._is_lost = False
        self._wake.watch(None)
        self._standing.close()

    def _receive(self) -> Claim:
        self._wake.watch(None)  # the store may close a connection that nobody listens on
        try:
            return self._standing.receive()
        except (StoreUnavailableError, StoreDataError):
            pass  # the main loop's own claim meets it again, and says so
        except Exception:  # noqa: BLE001 - and this, too
            _log.exception("standing_claim.failed")
        return self._fail()

    def _fail(self) -> NoReturn:
        self.recall()
        self._paused_until = time.monotonic() + _PAUSE_SECONDS
        raise StoreUnavailableError("The store has not answered a standing claim.")

    def _look_after_pause(self) -> Claim | None:
        if time.monotonic() < (self._paused_until or 0.0):
            return None
        self._paused_until = None
        return Claim((), more=True)
