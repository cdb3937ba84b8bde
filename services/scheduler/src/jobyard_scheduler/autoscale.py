"""``GET /autoscale/<pool>``: how many workers a pool needs, for KEDA's ``metrics-api`` and people.

Answers from the estimator's last look, so a store that does not answer holds up no other request.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from jobyard.observability.pages import Answer
from jobyard.scaling import desired_workers, signal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobyard.scaling import Load, Pool
    from jobyard_scheduler.loops.estimator import Estimator

PREFIX = "/autoscale"


class AutoscalePages:
    """All pools at ``/autoscale``, one at ``/autoscale/<pool>``."""

    def __init__(self, estimator: Estimator) -> None:
        self._estimator = estimator
        self._pools = {pool.name: pool for pool in estimator.pools}

    def answer(self, path: str) -> Answer:
        """200; 404 for a pool that is not known; 503 while the store cannot be read."""
        name = path.removeprefix(PREFIX).strip("/")
        if name and name not in self._pools:
            return _problem(404, _unknown(name, list(self._pools)))
        loads = self._estimator.loads()
        if loads is None:
            return _problem(503, "The store has not been read lately: nobody knows what waits.")
        if name:
            return _json(200, shown(self._pools[name], loads[name]))
        every = [shown(pool, loads[pool.name]) for pool in self._pools.values()]
        return _json(200, {"pools": every})


def shown(pool: Pool, load: Load) -> dict[str, Any]:
    """What is said of one pool."""
    wanted = signal(load, concurrency=pool.concurrency, backlog=pool.backlog)
    return {
        "pool": pool.name,
        "queues": pool.queues,
        "queued": load.queued,
        "paused": load.paused,
        "claimed": load.claimed,
        "busy": load.busy,
        "concurrency": pool.concurrency,
        "backlogPerSlot": round(pool.backlog, 3),
        "signal": round(wanted, 3),
        "desiredWorkers": desired_workers(load, pool),
        "min": pool.min,
        "max": pool.max,
    }


def _unknown(name: str, known: Sequence[str]) -> str:
    if not known:
        return f"No pool {name!r}: no pools are known. Name them in JOBYARD_POOLS."
    near = get_close_matches(name, known)
    question = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    return f"No pool {name!r}. {question}JOBYARD_POOLS names {', '.join(known)}."


def _problem(status: int, detail: str) -> Answer:
    return _json(status, {"status": status, "detail": detail})


def _json(status: int, body: dict[str, Any]) -> Answer:
    return Answer(status, to_json(body, indent=2) + b"\n")
