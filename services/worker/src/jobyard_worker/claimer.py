"""Claims jobs so that a lost reply loses none of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from jobyard.errors import StoreUnavailableError
from jobyard.ids import Nonces
from jobyard.observability.logging import get_logger
from jobyard.store import calls

if TYPE_CHECKING:
    from jobyard.store.calls import Call
    from jobyard.store.records.delivery import Claim
    from jobyard_worker.link import Link
    from jobyard_worker.turns import Turns

_log = get_logger(__name__)

_QUIET_SECONDS = 60.0
"""Between two lines about the same: the jobs may wait for days."""


class Ears(Protocol):
    """How a worker with nothing to do gets to know of the next job."""

    def start(self) -> None:
        """Makes ready to hear."""
        ...

    def ask(self, call: Call[Claim]) -> None:
        """Listen; ``call`` may be made as soon as there is something to hear."""
        ...

    def take(self) -> Claim | None:
        """What ``call`` brought, or that there may be more; None while there is nothing to hear.

        Raises:
            StoreUnavailableError: ``call`` may have been made, and what it brought is not known.
        """
        ...

    def recall(self) -> None:
        """Listen no longer."""
        ...


class Claimer:
    """Asks for jobs of the queues, in turn. A claim without reply is repeated as it was."""

    def __init__(self, link: Link, turns: Turns, ears: Ears) -> None:
        self._link = link
        self._turns = turns
        self._ears = ears
        self._asked: tuple[str, tuple[str, ...], int] | None = None
        self._is_listening = False
        self._nonces = Nonces()
        self.may_find_more = True
        """Whether the last claim said so, or something rang since. One that met only records that
        are too new does not: it put them back, and would turn them over without end."""
        self._said_at: dict[str, float] = {}

    @property
    def is_unanswered(self) -> bool:
        """Whether a claim was sent whose reply is not known, and does not come any more."""
        return self._asked is not None and not self._is_listening

    @property
    def nonce(self) -> str:
        """Of the claim under way; the tokens of its jobs begin with it. Empty if there is none."""
        return self._asked[0] if self._asked else ""

    def claim(self, worker: str, limit: int) -> Claim:
        """Up to ``limit`` jobs.

        Raises:
            StoreUnavailableError: No reply; the next call asks for the same jobs again.
        """
        self.recall()
        asked = self._asked = self._asked or self._next(limit)
        return self._answered(self._link.run(calls.claim(worker, *asked)))

    def listen(self, worker: str) -> None:
        """Nothing waits: ``heard`` brings the next job. One, as who is idle elsewhere hears too."""
        if not self._is_listening:
            self._asked = self._next(1)
            self._is_listening = True
            self._ears.ask(calls.claim(worker, *self._asked))

    def heard(self) -> Claim | None:
        """What ``listen`` brought; None while there is nothing."""
        if not self._is_listening:
            return None
        try:
            claim = self._ears.take()
        except StoreUnavailableError:
            self._is_listening = False  # it is asked for again
            return None
        if claim is not None:
            self._is_listening = False
            return self._answered(claim)
        return None

    def recall(self) -> None:
        """Listen no longer. What that may have brought is unanswered."""
        if self._is_listening:
            self._is_listening = False
            self._ears.recall()

    def close(self, worker: str) -> Claim:
        """What an unanswered claim brought, and nothing new; when it comes late it takes nothing.

        Raises:
            StoreUnavailableError: As ``claim``.
        """
        nonce, queues, _ = self._asked or self._next(0)
        return self._answered(self._link.run(calls.claim(worker, nonce, queues, 0)))

    def forget(self) -> None:
        """The lease is lost and with it whatever an unanswered claim took."""
        self.recall()
        self._asked = None
        self._nonces = Nonces()
        self.may_find_more = True

    def _next(self, limit: int) -> tuple[str, tuple[str, ...], int]:
        return self._nonces.next(), self._turns.next(), min(limit, calls.BATCH)

    def _answered(self, claim: Claim) -> Claim:
        self._asked = None
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
