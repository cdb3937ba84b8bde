"""The calls by which somebody moves jobs by hand; see ``calls.py``. All are safe to send twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.store import encoding
from jobyard.store.calls import Call
from jobyard.store.records.job import MoveOutcome
from jobyard.store.scripts import script

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def retry(ids: Sequence[str], nonce: str, owner: str | None = None) -> Call[list[MoveOutcome]]:
    """Queues jobs anew that failed or were canceled. ``nonce`` is the name of this one move."""
    return Call(script("retry"), [owner or "", nonce, *ids], _outcomes)


def reschedule(
    ids: Sequence[str],
    nonce: str,
    owner: str | None = None,
    *,
    run_at: datetime | None = None,
    delay_seconds: float | None = None,
) -> Call[list[MoveOutcome]]:
    """Makes jobs that wait due at ``run_at``, or ``delay_seconds`` from the server's now."""
    due = f"+{round((delay_seconds or 0) * 1000)}"
    if run_at is not None:
        due = str(encoding.milliseconds(run_at))
    return Call(script("reschedule"), [owner or "", nonce, due, *ids], _outcomes)


def delete(ids: Sequence[str], owner: str | None = None) -> Call[list[MoveOutcome]]:
    """Forgets jobs that have ended; cancels and forgets those that wait."""
    return Call(script("delete"), [owner or "", *ids], _outcomes)


def _outcomes(reply: list[bytes]) -> list[MoveOutcome]:
    return [MoveOutcome(outcome.decode()) for outcome in reply]
