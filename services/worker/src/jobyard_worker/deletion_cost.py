"""Tells Kubernetes which pods to take first when it scales in: those with nothing to lose.

A ReplicaSet takes pods with a lower ``controller.kubernetes.io/pod-deletion-cost`` first. The API
server is written to only for jobs that run long: a pod with short ones ends in order anyway.
"""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from typing_extensions import override

from jobyard.observability.logging import get_logger
from jobyard_worker.pod import PodNotAnnotatedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard_worker.pod import Pod

_log = get_logger(__name__)

ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"
LONG_SECONDS = 10.0
"""A job that runs for longer is worth a word to the API server."""
MOST_AGE_SECONDS = 86_400
_BUSY = 10
"""What a busy pod costs at least, so that one whose age is not known yet is above idle ones."""
_LOOK_SECONDS = 1.0
_PAUSE_SECONDS = 5.0
"""Between two writes; the API server belongs to everybody."""
_FAILURE_PAUSE_SECONDS = 60.0


def cost_of(age_seconds: float | None) -> int:
    """What it costs to delete a pod whose oldest job is so old; None where it has none."""
    if age_seconds is None or age_seconds < LONG_SECONDS:
        return 0
    return _BUSY + int(min(age_seconds, MOST_AGE_SECONDS))


def is_news(told: int | None, cost: int) -> bool:
    """Whether a cost is worth a write: a pod became busy or idle, or its job is twice as old.

    The first always is: the container before this one may have left another.
    """
    return told is None or (cost != told and (cost == 0 or cost >= 2 * told))


class DeletionCost(AbstractContextManager[None]):
    """Keeps the annotation of a worker's pod right while inside, from a thread of its own.

    Whatever fails is said once and tried again later; the worker works on.
    """

    def __init__(
        self,
        pod: Pod,
        oldest_since: Callable[[], float | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``oldest_since``: since when the worker has its oldest job, by ``clock``."""
        self._pod = pod
        self._oldest_since = oldest_since
        self._clock = clock
        self._told: int | None = None
        self._may_write_at = clock()
        self._has_failed = False
        self._stopping = threading.Event()

    @override
    def __enter__(self) -> None:
        threading.Thread(target=self._run, name="deletion-cost", daemon=True).start()

    @override
    def __exit__(self, *_: object) -> None:
        self._stopping.set()

    def turn(self) -> None:
        """Writes the cost where it is news and a write is allowed again."""
        now, since = self._clock(), self._oldest_since()
        cost = cost_of(None if since is None else now - since)
        if now >= self._may_write_at and is_news(self._told, cost):
            self._write(now, cost)

    def _write(self, now: float, cost: int) -> None:
        try:
            self._pod.annotate(ANNOTATION, str(cost))
        except PodNotAnnotatedError as error:
            self._note_failure(now, error)
            return
        self._told, self._has_failed = cost, False
        self._may_write_at = now + _PAUSE_SECONDS
        _log.debug("deletion_cost.told", cost=cost)

    def _note_failure(self, now: float, error: PodNotAnnotatedError) -> None:
        self._may_write_at = now + _FAILURE_PAUSE_SECONDS
        if not self._has_failed:
            self._has_failed = True
            _log.warning(
                "deletion_cost.not_told",
                reason=f"{error}. Scaling in may take a busy pod of this pool first; the service "
                "account needs the right to patch pods, or set JOBYARD_DELETION_COST=false",
            )

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self.turn()
            except Exception:  # noqa: BLE001 - the thread's boundary: work goes on whatever happens here
                _log.exception("deletion_cost.failed")
                return
