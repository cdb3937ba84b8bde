"""A yard to test in: the store's moves with short names, and what the server then holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rq import Queue, Worker

from jobyard.store import calls
from support.builders import build_nonce, build_settlement, build_submission
from support.keyspace import dump

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobyard.keys import Keys
    from jobyard.states import State
    from jobyard.store import Store
    from jobyard.store.records.delivery import Claimed, Renewal, Settled
    from jobyard.store.records.job import CancelOutcome, JobRecord
    from jobyard.store.records.oversight import QueueInfo
    from jobyard.store.records.submission import Submitted
    from jobyard.store.records.upkeep import Promoted, Reaped
    from support.servers import RawClient

LEASE_SECONDS = 30.0


@dataclass(frozen=True)
class Yard:
    """One store under test and a plain client beside it."""

    store: Store
    client: RawClient
    queues: tuple[str, ...] = field(default=("default",))

    @property
    def keys(self) -> Keys:
        """Key names of the store."""
        return self.store.keys

    def submit(self, *ids: str, **overrides: Any) -> list[Submitted]:
        """Submits jobs of these ids with the same ``overrides``, in one call."""
        jobs = [build_submission(id=job_id, **overrides) for job_id in ids]
        return self.store.run(calls.submit(jobs))

    def join(self, *workers: str, slots: int = 4) -> None:
        """Workers with a fresh lease."""
        for worker in workers:
            self.store.run(
                calls.join(worker, pool="default", slots=slots, lease_seconds=LEASE_SECONDS)
            )

    def register(self, *workers: str) -> None:
        """What RQ keeps of a worker, made by RQ itself."""
        for name in workers:
            queues = [Queue(queue, connection=self.client) for queue in self.queues]
            worker: Any = Worker(queues, name=name, connection=self.client)
            worker.register_birth()

    def claim(
        self, worker: str = "w1", queues: Sequence[str] = (), limit: int = 100, nonce: str = ""
    ) -> list[Claimed]:
        """Claims with a nonce of its own; the worker must have joined."""
        claim = self.store.run(
            calls.claim(worker, nonce or build_nonce(), queues or self.queues, limit)
        )
        assert not claim.gone
        return list(claim.jobs)

    def claim_new(self, *ids: str, worker: str = "w1", **overrides: Any) -> list[Claimed]:
        """Submits jobs and claims them at once."""
        self.submit(*ids, **overrides)
        self.join(worker)
        return self.claim(worker, queues=(overrides.get("queue", "default"),))

    def settle(self, kind: str, claimed: Claimed, worker: str = "w1", **overrides: Any) -> Settled:
        """Settles one delivery."""
        settlement = build_settlement(kind, claimed, **overrides)
        return self.store.run(calls.settle(worker, [settlement]))[0]

    def release(self, *claimed: Claimed, worker: str = "w1", started: bool = True) -> list[Settled]:
        """Gives deliveries back."""
        deliveries = [(delivery.id, delivery.token) for delivery in claimed]
        return self.store.run(calls.release(worker, deliveries, started=started))

    def renew(self, worker: str = "w1", busy: int = 0) -> Renewal:
        """One renewal."""
        return self.store.run(calls.renew(worker, lease_seconds=LEASE_SECONDS, busy=busy))

    def cancel(self, job_id: str) -> tuple[CancelOutcome, State | None]:
        """Asks one job to cancel."""
        return self.store.run(calls.cancel([job_id]))[0]

    def promote(self, limit: int = 100) -> Promoted:
        """One promotion."""
        return self.store.run(calls.promote(limit=limit))

    def leave(self, worker: str = "w1", limit: int = 100) -> Reaped:
        """A worker's goodbye, or its keeper's."""
        return self.store.run(calls.leave(worker, limit=limit))

    def reap(self, limit: int = 100) -> Reaped:
        """One reaping, with no gap before it: whose lease is over is reaped now."""
        self.close_gap()
        return self.store.run(calls.reap(lease_seconds=LEASE_SECONDS, limit=limit))

    def prune(self, limit: int = 1000, event_bytes: int = calls.EVENT_BYTES) -> int:
        """One pruning; how many jobs it forgot."""
        call = calls.prune(limit=limit, event_bytes=event_bytes)
        return sum(self.store.run(call).values())

    def read(self, job_id: str) -> JobRecord:
        """One job that must be there."""
        record = self.store.run(calls.read(job_id))
        assert record is not None, f"no job {job_id}"
        return record

    def info(self, queue: str = "default") -> QueueInfo:
        """One queue that must be there."""
        found = [info for info in self.store.run(calls.queues()) if info.name == queue]
        assert found, f"no queue {queue}"
        return found[0]

    def dump(self, *without: str) -> dict[str, Any]:
        """All that the server holds."""
        return dump(self.client, without=without)

    def waiting(self, queue: str = "default") -> list[str]:
        """Ids in a queue's list, head first."""
        return [job_id.decode() for job_id in self.client.lrange(self.keys.queue(queue), 0, -1)]

    def counters(self, queue: str = "default") -> dict[str, int]:
        """The running counts of a queue."""
        found = self.client.hgetall(self.keys.counters(queue))
        return {name.decode(): int(value) for name, value in found.items() if b":" not in name}

    def quarantined(self) -> set[str]:
        """Ids of unreadable records."""
        return {name.decode() for name in self.client.hkeys(self.keys.quarantine())}

    def now_ms(self) -> int:
        """The server's clock."""
        seconds, microseconds = self.client.time()
        return int(seconds * 1000 + microseconds // 1000)

    def expire(self, *workers: str) -> None:
        """Puts the end of these workers' leases into the past."""
        past = self.now_ms() - 1
        self.client.zadd(self.keys.lease(), dict.fromkeys(workers, past))

    def close_gap(self) -> None:
        """As if the reaper had ticked without a pause until now."""
        state = {"tick": self.now_ms(), "resume": 0}
        self.client.hset(self.keys.yard("reaper"), mapping=state)

    def make_due(self, *ids: str, queue: str = "default") -> None:
        """Puts the due time of scheduled jobs into the past."""
        past = self.now_ms() / 1000 - 1
        key = self.keys.registry("scheduled", queue)
        self.client.zadd(key, dict.fromkeys(ids, past), xx=True)
