"""Random walks over all moves against a simple model: no job in two places, none in none.

``JOBYARD_TEST_WALKS=1000`` walks further, with random seeds.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jobyard.states import State
from jobyard.store import calls, move_calls
from jobyard.store.data import decode_data
from jobyard.store.records.delivery import Claimed, Settled
from jobyard.store.records.job import CancelOutcome, MoveOutcome
from jobyard.store.records.submission import SubmitStatus, Unique
from support.builders import KINDS, build_settlement, build_submission
from support.consistency import verify

if TYPE_CHECKING:
    from jobyard.store.calls import Call
    from support.yard import Yard

WALKS = int(os.environ.get("JOBYARD_TEST_WALKS", "0"))
WORKERS = ("w1", "w2", "w3")
QUEUES = ("high", "low")
CRASH_BUDGET = 2
MOST_RELEASES = 10
HELD = (State.RUNNING, State.CANCELING)
_ENDS = {"succeeded": State.SUCCEEDED, "failed": State.FAILED, "canceled": State.CANCELED}

workers = st.sampled_from(WORKERS)
LARGE_BYTES = st.sampled_from([0, 1_000])
"""Whether a payload or result is kept apart."""


class _Job:
    """What the model knows of a job."""

    def __init__(self, queue: str, state: State) -> None:
        self.queue = queue
        self.state = state
        self.token = ""
        self.worker = ""
        self.attempts = 0
        self.deliveries = 0
        self.crashes = 0
        self.releases = 0


def _ties(job_id: str) -> dict[str, Any]:
    """All that may know a job beside its queue."""
    return {
        "tenant": "acme",
        "tags": ("red",),
        "unique": Unique(job_id),
        "waiting_limit": 1_000_000,
    }


class Walk(RuleBasedStateMachine):
    """Moves of submitters, workers, schedulers and operators in any order."""

    yard: Yard

    deliveries: Bundle[tuple[str, Claimed]] = Bundle("deliveries")
    sent: Bundle[Any] = Bundle("sent")

    @initialize()
    def begin(self) -> None:
        self.yard.client.flushall()
        self.jobs: dict[str, _Job] = {}
        self.lines: dict[str, list[str]] = {queue: [] for queue in QUEUES}
        self.deleted: set[str] = set()
        self.joined: set[str] = set()
        self.expired: set[str] = set()
        self.number = 0
        self.nonce = 0

    # ------------------------------------------------------------ moves

    @rule(
        target=sent,
        queue=st.sampled_from(QUEUES),
        count=st.integers(1, 4),
        later=st.booleans(),
        large_bytes=LARGE_BYTES,
        tied=st.booleans(),
    )
    def submit(self, queue: str, count: int, later: bool, large_bytes: int, tied: bool) -> Any:
        ids = [f"j{self.number + n:03}" for n in range(count)]
        self.number += count
        delay = 600.0 if later else None
        call = calls.submit(
            [
                build_submission(
                    id=job_id, queue=queue, delay_seconds=delay, **(_ties(job_id) if tied else {})
                )
                for job_id in ids
            ],
            large_bytes=large_bytes,
        )

        outcomes = self.yard.store.run(call)

        assert [outcome.status for outcome in outcomes] == [SubmitStatus.CREATED] * count
        for job_id in ids:
            self.jobs[job_id] = _Job(queue, State.SCHEDULED if later else State.QUEUED)
            if not later:
                self.lines[queue].append(job_id)
        return call

    @rule(worker=workers)
    def join_or_renew(self, worker: str) -> None:
        if worker in self.joined:
            assert not self.yard.renew(worker, busy=2).gone
        else:
            assert self.yard.renew(worker).gone
            self.yard.join(worker)
            self.joined.add(worker)
        self.expired.discard(worker)

    @rule(
        target=deliveries,
        worker=workers,
        queues=st.permutations(QUEUES),
        limit=st.integers(1, 5),
        twice=st.booleans(),
    )
    def claim(self, worker: str, queues: list[str], limit: int, twice: bool) -> Any:
        self.nonce += 1
        call = calls.claim(worker, f"nonce{self.nonce:04}", queues, limit)
        claim = self.yard.store.run(call)
        assert claim.gone is (worker not in self.joined)
        if claim.jobs and twice:
            assert self.yard.store.run(call) == claim
        expected = [] if claim.gone else self._take(queues, limit)

        assert [job.id for job in claim.jobs] == expected
        for delivery in claim.jobs:
            self._hold(worker, delivery)
            assert decode_data(delivery.data).payload == {}
        return multiple(*((worker, delivery) for delivery in claim.jobs))

    @rule(
        target=sent,
        delivery=deliveries,
        kind=st.sampled_from(KINDS),
        at_once=st.booleans(),
        large_bytes=LARGE_BYTES,
    )
    def settle(
        self, delivery: tuple[str, Claimed], kind: str, at_once: bool, large_bytes: int
    ) -> Any:
        """Any delivery ever made: also stale ones and ones that ended."""
        worker, claimed = delivery
        overrides: dict[str, object] = {}
        if kind == "retrying":
            overrides = {"delay_seconds": 0.0 if at_once else 600.0}
        if kind == "crashed":
            overrides = {"budget": CRASH_BUDGET}
        ended = [build_settlement(kind, claimed, **overrides)]
        call = calls.settle(worker, ended, large_bytes=large_bytes)
        is_mine = self._is_mine(worker, claimed)

        [outcome] = self.yard.store.run(call)

        assert (outcome is Settled.DONE) is is_mine, outcome
        if is_mine:
            self._end(self.jobs[claimed.id], claimed.id, kind, at_once)
        return call

    @rule(target=sent, delivery=deliveries)
    def release(self, delivery: tuple[str, Claimed]) -> Any:
        worker, claimed = delivery
        call = calls.release(worker, [(claimed.id, claimed.token)])
        is_mine = self._is_mine(worker, claimed)

        [outcome] = self.yard.store.run(call)

        assert (outcome is Settled.DONE) is is_mine, outcome
        if is_mine:
            self._release(self.jobs[claimed.id], claimed.id)
        return call

    @rule(data=st.data())
    @precondition(lambda self: self.jobs)
    def cancel(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.jobs)))
        job = self.jobs[job_id]

        outcome, state = self.yard.cancel(job_id)

        if job.state in HELD:
            assert outcome is CancelOutcome.CANCELING
            job.state = State.CANCELING
        elif job.state in (State.QUEUED, State.SCHEDULED, State.RETRYING):
            assert outcome is CancelOutcome.CANCELED
            if job.state is State.QUEUED:
                self.lines[job.queue].remove(job_id)
            job.state = State.CANCELED
        else:
            assert outcome is CancelOutcome.ENDED
        assert state is job.state

    @rule(target=sent, data=st.data())
    @precondition(lambda self: self.jobs)
    def retry(self, data: st.DataObject) -> Any:
        job_id = data.draw(st.sampled_from(sorted(self.jobs)))
        job = self.jobs[job_id]
        call = move_calls.retry([job_id], self._nonce())

        [outcome] = self.yard.store.run(call)

        assert (outcome is MoveOutcome.DONE) is (job.state in (State.FAILED, State.CANCELED))
        if outcome is MoveOutcome.DONE:
            job.attempts = job.crashes = job.releases = 0
            self._queue(job, job_id, at_head=False)
        return call

    @rule(target=sent, data=st.data(), later=st.booleans())
    @precondition(lambda self: self.jobs)
    def reschedule(self, data: st.DataObject, later: bool) -> Any:
        job_id = data.draw(st.sampled_from(sorted(self.jobs)))
        job = self.jobs[job_id]
        delay = 600.0 if later else 0.0
        call = move_calls.reschedule([job_id], self._nonce(), delay_seconds=delay)
        waits = job.state in (State.QUEUED, State.SCHEDULED, State.RETRYING)

        [outcome] = self.yard.store.run(call)

        assert (outcome is MoveOutcome.DONE) is waits
        if waits:
            if job.state is State.QUEUED:
                self.lines[job.queue].remove(job_id)
            job.state = State.RETRYING if job.attempts else State.SCHEDULED
            if not later:
                self._queue(job, job_id, at_head=False)
        return call

    @rule(data=st.data())
    @precondition(lambda self: self.jobs)
    def delete(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.jobs)))
        job = self.jobs[job_id]

        outcomes = [self.yard.store.run(move_calls.delete([job_id]))[0] for _ in range(2)]

        if job.state in HELD:
            assert outcomes == [MoveOutcome.RUNNING] * 2
            return
        assert outcomes == [MoveOutcome.DONE, MoveOutcome.MISSING]
        if job.state is State.QUEUED:
            self.lines[job.queue].remove(job_id)
        del self.jobs[job_id]
        self.deleted.add(job_id)

    @rule(worker=workers)
    def expire(self, worker: str) -> None:
        if worker in self.joined:
            self.yard.expire(worker)
            self.expired.add(worker)

    @rule()
    def reap(self) -> None:
        reaped = self.yard.reap()

        assert set(reaped.workers) == self.expired
        for worker in reaped.workers:
            self._lose(worker)

    @rule(worker=workers)
    def leave(self, worker: str) -> None:
        self.yard.leave(worker)

        self._lose(worker)

    @rule(data=st.data())
    def promote(self, data: st.DataObject) -> None:
        waiting = sorted(
            job_id
            for job_id, job in self.jobs.items()
            if job.state in (State.SCHEDULED, State.RETRYING)
        )
        due = data.draw(st.lists(st.sampled_from(waiting), unique=True)) if waiting else []
        for job_id in due:
            self.yard.make_due(job_id, queue=self.jobs[job_id].queue)

        assert self.yard.promote().promoted == len(due)

        for queue in QUEUES:
            self._promoted(queue, {job_id for job_id in due if self.jobs[job_id].queue == queue})

    @rule(call=sent)
    def send_again(self, call: Call[Any]) -> None:
        """A lost reply, however long ago: the call is not applied a second time.

        Nothing is remembered of a deleted job: its submission would store it anew.
        """
        if call.script.name in {"submit", "admit"} and not self.deleted.isdisjoint(call.sent):
            return
        before = self._jobs_as_stored()

        self.yard.store.run(call)

        assert self._jobs_as_stored() == before

    @rule(delivery=consumes(deliveries))
    def forget(self, delivery: tuple[str, Claimed]) -> None:
        """Fewer old deliveries to choose from: walks go deeper."""

    # ------------------------------------------------------------ what holds

    @invariant()
    def everything_is_in_its_place(self) -> None:
        if hasattr(self, "jobs"):
            verify(self.yard.client, self.yard.keys)

    @invariant()
    def the_store_agrees_with_the_model(self) -> None:
        for job_id, job in getattr(self, "jobs", {}).items():
            record = self.yard.read(job_id)
            assert record.state is job.state, (job_id, record.state, job.state)
            assert (record.attempts, record.deliveries) == (job.attempts, job.deliveries), job_id
            assert record.crashes == job.crashes, job_id

    @invariant()
    def queues_are_in_order_and_counted(self) -> None:
        for queue, line in getattr(self, "lines", {}).items():
            assert self.yard.waiting(queue) == line
            states = Counter(job.state for job in self.jobs.values() if job.queue == queue)
            if not states:
                continue
            info = self.yard.info(queue)
            assert info.queued == states[State.QUEUED]
            assert info.running == states[State.RUNNING] + states[State.CANCELING]
            assert info.scheduled == states[State.SCHEDULED] + states[State.RETRYING]
            assert info.succeeded == states[State.SUCCEEDED]
            assert info.failed == states[State.FAILED]
            assert info.canceled == states[State.CANCELED]

    # ------------------------------------------------------------ the model's moves

    def _nonce(self) -> str:
        self.nonce += 1
        return f"move{self.nonce:04}"

    def _take(self, queues: list[str], limit: int) -> list[str]:
        taken: list[str] = []
        for queue in queues:
            room = limit - len(taken)
            taken += self.lines[queue][:room]
            self.lines[queue] = self.lines[queue][room:]
        return taken

    def _hold(self, worker: str, delivery: Claimed) -> None:
        job = self.jobs[delivery.id]
        job.state, job.worker, job.token = State.RUNNING, worker, delivery.token
        job.deliveries += 1
        assert (delivery.deliveries, delivery.attempts) == (job.deliveries, job.attempts)

    def _is_mine(self, worker: str, claimed: Claimed) -> bool:
        job = self.jobs.get(claimed.id)
        return (
            job is not None
            and job.state in HELD
            and (job.worker, job.token) == (worker, claimed.token)
        )

    def _end(self, job: _Job, job_id: str, kind: str, at_once: bool) -> None:
        if kind in ("retrying", "crashed") and job.state is State.CANCELING:
            kind = "canceled"
        if kind == "crashed":
            job.crashes += 1
            if job.crashes >= CRASH_BUDGET:
                job.state = State.FAILED
            else:
                self._queue(job, job_id, at_head=True)
            return
        job.attempts += 1
        if kind != "retrying":
            job.state = _ENDS[kind]
        elif at_once:
            self._queue(job, job_id, at_head=False)
        else:
            job.state = State.RETRYING

    def _release(self, job: _Job, job_id: str) -> None:
        if job.state is State.CANCELING:
            job.state = State.CANCELED
            return
        job.releases += 1
        if job.releases > MOST_RELEASES:
            job.state = State.FAILED
        else:
            self._queue(job, job_id, at_head=True)

    def _lose(self, worker: str) -> None:
        self.joined.discard(worker)
        self.expired.discard(worker)
        held = [
            (job.token, job_id)
            for job_id, job in self.jobs.items()
            if job.state in HELD and job.worker == worker
        ]
        for _, job_id in sorted(held, reverse=True):
            job = self.jobs[job_id]
            if job.state is State.CANCELING:
                job.state = State.CANCELED
            else:
                self._queue(job, job_id, at_head=True)

    def _queue(self, job: _Job, job_id: str, *, at_head: bool) -> None:
        job.state = State.QUEUED
        self.lines[job.queue].insert(0 if at_head else len(self.lines[job.queue]), job_id)

    def _promoted(self, queue: str, ids: set[str]) -> None:
        """The order among jobs that became due together is the store's; all come last."""
        line = self.yard.waiting(queue)
        old = self.lines[queue]
        assert line[: len(old)] == old
        assert set(line[len(old) :]) == ids
        self.lines[queue] = line
        for job_id in ids:
            self.jobs[job_id].state = State.QUEUED

    def _jobs_as_stored(self) -> dict[str, object]:
        counters = [self.yard.keys.counters(queue) for queue in QUEUES]
        return self.yard.dump(*counters)


def test_any_walk_keeps_every_job_in_one_place(yard: Yard) -> None:
    walk = type("WalkHere", (Walk,), {"yard": yard})

    run_state_machine_as_test(
        walk,
        settings=settings(
            max_examples=WALKS or 25,
            stateful_step_count=60 if WALKS else 40,
            derandomize=not WALKS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
