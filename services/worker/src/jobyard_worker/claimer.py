"""Claims jobs so that a lost reply loses none of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jobyard.ids import Nonces
from jobyard.observability.logging import get_logger
from jobyard.store import calls

if TYPE_CHECKING:
    from jobyard.store.records import Claim
    from jobyard_worker.link import Link
    from jobyard_worker.turns import Turns

_log = get_logger(__name__)

_QUIET_SECONDS = 60.0
"""Between two lines about the same: the jobs may wait for days."""


class Claimer:
    """Asks for jobs of the queues, in turn. A claim without reply is repeated as it was."""

    def __init__(self, link: Link, turns: Turns) -> None:
        self._link = link
        self._turns = turns
        self._unanswered: tuple[str, tuple[str, ...], int] | None = None
        self._nonces = Nonces()
        self.may_find_more = True
        """Whether the last claim said so, or something rang since. One that met only records that
        are too new does not: it put them back, and would turn them over without end."""
        self._said_at: dict[str, float] = {}

    @property
    def is_unanswered(self) -> bool:
        """Whether a claim was sent whose reply is not known."""
        return self._unanswered is not None

    def claim(self, worker: str, limit: int) -> Claim:
        """Up to ``limit`` jobs.

        Raises:
            StoreUnavailableError: No reply; the next call asks for the same jobs again.
        """
        if self._unanswered is None:
            asked = min(limit, calls.BATCH)
            self._unanswered = (self._nonces.next(), self._turns.next(), asked)
        claim = self._link.run(calls.claim(worker, *self._unanswered))
        self._unanswered = None
        self.may_find_more = claim.more and (bool(claim.jobs) or not claim.too_new)
        self._report(claim)
        return claim

    def _report(self, claim: Claim) -> None:
        """What was passed over, once a minute: how much of it a claim sees differs each time."""
        if claim.too_new and self._may_say("jobs.too_new"):
            _log.warning(
                "jobs.too_new",
                jobs=claim.too_new,
                reason="a newer Jobyard wrote them: they wait for a worker of that version",
            )
        if claim.broken and self._may_say("queues.broken"):
            _log.error(
                "queues.broken",
                queues=",".join(claim.broken),
                reason="a key of the queue has a foreign type: its jobs wait until it is mended",
            )

    def _may_say(self, event: str) -> bool:
        now = time.monotonic()
        if now - self._said_at.get(event, -_QUIET_SECONDS) < _QUIET_SECONDS:
            return False
        self._said_at[event] = now
        return True

    def forget(self) -> None:
        """The lease is lost and with it whatever an unanswered claim took."""
        self._unanswered = None
        self._nonces = Nonces()
        self.may_find_more = True
