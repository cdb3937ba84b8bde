"""Finds jobs that the store counts as in hand here, and that nobody here knows.

A store can forget what it has answered: a failover or a loss of power may cost it the last writes.
Where that was how a job ended, the job is held by a worker that lives and renews, for ever.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jobyard.errors import StoreDataError
from jobyard.observability.logging import get_logger
from jobyard.store import calls

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from jobyard_worker.link import Link

_log = get_logger(__name__)


class Stocktaker:
    """Compares once in a while, and gives back what is too much in the store."""

    def __init__(self, link: Link, *, every_seconds: float) -> None:
        self._link = link
        self._every_seconds = every_seconds
        self._next_at = time.monotonic() + every_seconds

    @property
    def is_due(self) -> bool:
        """Whether it is time to compare again."""
        return time.monotonic() >= self._next_at

    def compare(self, worker: str, known: AbstractSet[str], nonce: str) -> None:
        """``known``: all tokens in hand. ``nonce``: of a claim that may bring some at any moment.

        Raises:
            StoreUnavailableError: It is done again with the next turn.
        """
        try:
            held = self._link.run(calls.held(worker))
            forgotten = [key for key in held if _is_forgotten(key[1], known, nonce)]
            if forgotten:
                self._give_back(worker, forgotten)
        except StoreDataError as error:
            _log.error("jobs.unreleased", reason=str(error))
        self._next_at = time.monotonic() + self._every_seconds

    def _give_back(self, worker: str, keys: list[tuple[str, str]]) -> None:
        """As if no slot had started them: it is not their fault."""
        for at in range(0, len(keys), calls.BATCH):
            self._link.run(calls.release(worker, keys[at : at + calls.BATCH], started=False))
        _log.warning(
            "jobs.forgotten",
            worker=worker,
            jobs=len(keys),
            reason="they ended here, and the store has lost that: they run again",
        )


def _is_forgotten(token: str, known: AbstractSet[str], nonce: str) -> bool:
    return token not in known and not (nonce and token.startswith(nonce))
