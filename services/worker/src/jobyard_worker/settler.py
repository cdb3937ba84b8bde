"""Tells the store how deliveries ended, in batches, until it has heard of each."""

from __future__ import annotations

import threading
import time
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING

from jobyard.errors import StoreUnavailableError
from jobyard.observability.line_stream import lines_together
from jobyard.observability.logging import get_logger
from jobyard.store import calls
from jobyard.store.apart import LARGE_BYTES
from jobyard.store.records.delivery import REFUSED, RQEnded, Settled, Succeeded
from jobyard_worker.job_fields import fields_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobyard.store.calls import Call
    from jobyard.store.records.delivery import Settlement
    from jobyard_worker.delivery import Delivery
    from jobyard_worker.job_metrics import JobMetrics
    from jobyard_worker.link import Link
    from jobyard_worker.outcome_log import OutcomeLog
    from jobyard_worker.traces import Traces
    from jobyard_worker.wake import Wake

    Ended = tuple[Delivery, Settlement]

_log = get_logger(__name__)

_MOST_BYTES = 4 * 1024 * 1024
"""Results and enqueued payloads in one call; more would hold the server, and the connection."""


_UNDER_WAY = 2
"""Batches at a time: while the outcomes of one are packed, or its lines written, the store has the
other to work on. With one alone it stood idle for a fifth of the time."""

_MOST_JOBS = calls.BATCH // _UNDER_WAY
"""In one of them: all that is under way is no more than one call may bring."""

_WORTH_A_SECOND = _MOST_JOBS // 2
"""As many must wait before a second batch goes: small ones cost the store more a job."""

_REFUSED_SECONDS = 10.0
"""What the store refuses, as a key has a foreign type, is tried again so much later. A worker that
stops does not wait for it: the job goes back to its queue."""


class Settler:
    """Keeps outcomes until they are stored. Nothing is dropped because the store is away.

    Batches are under way in threads of their own: while the store settles them, the main loop
    claims.
    """

    def __init__(
        self,
        link: Link,
        wake: Wake,
        metrics: JobMetrics,
        log: OutcomeLog,
        *,
        large_bytes: int = LARGE_BYTES,
        traces: Traces | None = None,
    ) -> None:
        """``wake`` is told when a batch is back; ``metrics``, ``log``, ``traces``, what came of it.

        What is longer than ``large_bytes`` is kept apart from its job's hash.
        """
        self._large_bytes = large_bytes
        self._link = link
        self._wake = wake
        self._metrics = metrics
        self._log = log
        self._traces = traces
        self._waiting: deque[Ended] = deque()
        self._refused: deque[tuple[float, Ended]] = deque()
        self._under_way: deque[_Batch] = deque()
        self._batches: SimpleQueue[_Batch] = SimpleQueue()
        self._reporting = threading.Lock()
        for number in range(_UNDER_WAY):
            threading.Thread(target=self._serve, name=f"settler-{number}", daemon=True).start()

    def __len__(self) -> int:
        """Outcomes that the store has not confirmed."""
        return len(self._waiting) + sum(len(batch.ended) for batch in self._under_way)

    def tokens(self) -> set[str]:
        """Of all that the store has not confirmed, or has refused."""
        refused = [ended for _, ended in list(self._refused)]  # the settler's threads add to it
        sent = [ended for batch in self._under_way for ended in batch.ended]
        return {delivery.job.token for delivery, _ in (*sent, *self._waiting, *refused)}

    @property
    def has_news(self) -> bool:
        """Whether ``flush`` would get something done."""
        return any(batch.is_back for batch in self._under_way) or self._may_send()

    def add(self, ended: Iterable[Ended]) -> None:
        """Takes outcomes in, in the order in which they came."""
        self._waiting.extend(ended)

    def forget(self) -> None:
        """The lease is lost: the outcomes are stale and would be refused."""
        self._waiting.clear()
        self._refused.clear()
        self._under_way.clear()

    def flush(self, worker: str) -> None:
        """Confirms what is back, and sends what is worth it.

        Raises:
            StoreUnavailableError: It did not answer; what is not confirmed waits for the next try.
        """
        for batch in [batch for batch in self._under_way if batch.is_back]:
            self._confirm(batch)
        while self._has_due():
            self._waiting.append(self._refused.popleft()[1])
        while self._may_send():
            batch = _Batch(worker, self._next_batch())
            self._under_way.append(batch)
            self._batches.put(batch)

    def _confirm(self, batch: _Batch) -> None:
        self._under_way.remove(batch)
        try:
            self._link.attempt(batch.confirm)
        except StoreUnavailableError:
            self._waiting.extendleft(reversed(batch.ended))
            raise

    def _may_send(self) -> bool:
        if not self._under_way:
            return bool(self._waiting) or self._has_due()
        return len(self._under_way) < _UNDER_WAY and len(self._waiting) >= _WORTH_A_SECOND

    def _has_due(self) -> bool:
        """Whether one that was refused is to be tried again: somebody may have mended the store."""
        return bool(self._refused) and self._refused[0][0] <= time.monotonic()

    def _next_batch(self) -> list[Ended]:
        """Takes the next ones that may go in one call."""
        batch: list[Ended] = []
        size = jobs = 0
        while self._waiting:
            ended = self._waiting[0]
            size += _size_of(ended[1])
            jobs += _jobs_in(ended[1])
            if batch and (size > _MOST_BYTES or jobs > _MOST_JOBS or not _fits(batch, ended)):
                break
            batch.append(self._waiting.popleft())
        return batch

    def _serve(self) -> None:
        while True:
            batch = self._batches.get()
            try:
                self._settle(batch.worker, batch.ended)
            except StoreUnavailableError as error:
                batch.failure = error
            except Exception as error:  # noqa: BLE001 - the thread outlives whatever a batch meets
                _log.exception("settler.failed")
                batch.failure = StoreUnavailableError(f"The settler failed: {error}")
            batch.is_back = True
            self._wake.set()

    def _settle(self, worker: str, batch: Sequence[Ended]) -> None:
        try:
            replies = self._link.store.run(self._call(worker, [ended[1] for ended in batch]))
        except StoreUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - a job boundary: a bad record harms only itself
            self._settle_apart(worker, batch, error)
        else:
            with self._reporting, lines_together():
                self._metrics.note(batch, replies)
                self._log.note(batch, replies)
            if self._traces is not None:
                self._traces.note(worker, batch, replies)
            _tell(batch, replies)

    def _call(self, worker: str, settlements: Sequence[Settlement]) -> Call[list[Settled]]:
        of_rq = [ended for ended in settlements if isinstance(ended, RQEnded)]
        if of_rq:
            return calls.settle_rq(worker, of_rq)
        return calls.settle(worker, settlements, large_bytes=self._large_bytes)

    def _settle_apart(self, worker: str, batch: Sequence[Ended], error: Exception) -> None:
        """The batch was refused as a whole: each alone, so that the good ones get through."""
        if len(batch) > 1:
            for ended in batch:
                self._settle(worker, [ended])
            return
        _log.error("job.unsettled", **fields_of(batch[0][0]), reason=str(error))
        self._refused.append((time.monotonic() + _REFUSED_SECONDS, batch[0]))


class _Batch:
    """What is sent at once, and whether the store has answered."""

    __slots__ = ("ended", "failure", "is_back", "worker")

    def __init__(self, worker: str, ended: list[Ended]) -> None:
        self.worker = worker
        self.ended = ended
        self.failure: StoreUnavailableError | None = None
        self.is_back = False

    def confirm(self) -> None:
        """Returns when the store has taken it.

        Raises:
            StoreUnavailableError: It has not, or its answer was lost.
        """
        if self.failure is not None:
            raise self.failure


def _fits(batch: Sequence[Ended], ended: Ended) -> bool:
    """Jobs of plain RQ code have a script of their own."""
    return isinstance(ended[1], RQEnded) == isinstance(batch[0][1], RQEnded)


def _jobs_in(settlement: Settlement) -> int:
    return 1 + len(settlement.follow_ups) if isinstance(settlement, Succeeded) else 1


def _size_of(settlement: Settlement) -> int:
    if isinstance(settlement, RQEnded):
        return len(settlement.value)
    if not isinstance(settlement, Succeeded):
        return 0
    return len(settlement.result) + sum(len(job.payload) for job in settlement.follow_ups)


def _tell(batch: Sequence[Ended], replies: Sequence[Settled]) -> None:
    """Those who wait for a settlement to be stored."""
    for (delivery, _), reply in zip(batch, replies, strict=True):
        if delivery.after is not None and reply not in REFUSED:
            delivery.after()
