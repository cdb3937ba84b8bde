"""Two and more clients at once: every move happens once, and no job is in two places or in none."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobyard.states import TERMINAL, State
from jobyard.store import calls, move_calls
from jobyard.store.records.delivery import Settled
from jobyard.store.records.job import CancelOutcome, MoveOutcome
from jobyard.store.records.submission import Idempotency, SubmitStatus
from support.builders import build_nonce, build_settlement, build_submission
from support.consistency import verify
from support.racing import batches, race
from support.yard import LEASE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.settings import Settings
    from jobyard.store import Store
    from jobyard.store.records.delivery import Claimed
    from jobyard.store.records.submission import Submitted
    from support.yard import Yard


def fill(yard: Yard, number: int, **overrides: object) -> list[str]:
    """Submits jobs in batches of 100; their ids."""
    ids = [f"j{n:04}" for n in range(number)]
    for batch in batches(ids, 100):
        yard.submit(*batch, **overrides)
    return ids


def claimer(
    worker: str, limit: int, queues: tuple[str, ...] = ("default",)
) -> Callable[[Store], list[Claimed]]:
    """Claims until there is nothing left."""

    def run(store: Store) -> list[Claimed]:
        store.run(calls.join(worker, pool="default", slots=8, lease_seconds=LEASE_SECONDS))
        claimed: list[Claimed] = []
        while jobs := store.run(calls.claim(worker, build_nonce(), queues, limit)).jobs:
            claimed += jobs
        return claimed

    return run


def test_submitters_of_the_same_jobs_store_each_once(yard: Yard, settings: Settings) -> None:
    jobs = [build_submission(id=f"j{n:03}") for n in range(300)]

    def submit(store: Store) -> list[Submitted]:
        return [outcome for batch in batches(jobs, 7) for outcome in store.run(calls.submit(batch))]

    outcomes = [outcome for run in race(settings, submit, submit, submit) for outcome in run]

    created = [outcome.id for outcome in outcomes if outcome.status is SubmitStatus.CREATED]
    assert sorted(created) == [job.id for job in jobs]
    assert sorted(yard.waiting()) == [job.id for job in jobs]
    verify(yard.client, yard.keys)


def test_one_idempotency_key_from_many_clients_is_one_job(yard: Yard, settings: Settings) -> None:
    def submit(store: Store) -> list[str]:
        found = []
        for n in range(50):
            once = Idempotency("tenant:jobs", f"key-{n}", "fingerprint")
            [outcome] = store.run(calls.submit([build_submission(idempotency=once)]))
            found.append(outcome.id)
        return found

    first, *others = race(settings, *[submit] * 4)

    assert all(other == first for other in others)
    assert sorted(yard.waiting()) == sorted(first)


def test_claimers_take_2000_jobs_each_once(yard: Yard, settings: Settings) -> None:
    ids = fill(yard, 2000)

    runs = race(settings, *(claimer(f"w{n}", limit) for n, limit in enumerate((1, 7, 64, 100))))

    taken = Counter(job.id for run in runs for job in run)
    assert sorted(taken) == ids
    assert set(taken.values()) == {1}
    assert len({job.token for run in runs for job in run}) == 2000
    verify(yard.client, yard.keys)


def test_each_claimer_goes_through_the_queues_in_order(yard: Yard, settings: Settings) -> None:
    for queue in ("low", "high"):
        for n in range(300):
            yard.submit(f"{queue}-{n:03}", queue=queue)
    order = ("high", "low")

    runs = race(settings, claimer("w1", 5, order), claimer("w2", 9, order))

    for run in runs:
        queues = [job.queue for job in run]
        assert queues == sorted(queues)
    assert sum(map(len, runs)) == 600
    verify(yard.client, yard.keys)


def test_the_same_claim_sent_by_two_brings_the_same_jobs(yard: Yard, settings: Settings) -> None:
    fill(yard, 400)
    yard.join("w1")
    nonces = [build_nonce() for _ in range(40)]

    for nonce in nonces:
        call = calls.claim("w1", nonce, ("default",), 10)
        first, second = race(settings, *[lambda store, call=call: store.run(call)] * 2)
        assert first == second

    assert yard.waiting() == []
    verify(yard.client, yard.keys)


def test_settlers_of_the_same_delivery_end_it_once(yard: Yard, settings: Settings) -> None:
    ids = fill(yard, 200)
    yard.join("w1")
    claimed = yard.claim() + yard.claim()

    def settle(kind: str) -> Callable[[Store], list[Settled]]:
        def run(store: Store) -> list[Settled]:
            ends = [calls.settle("w1", [build_settlement(kind, job)]) for job in claimed]
            return [store.run(end)[0] for end in ends]

        return run

    runs = race(settings, *(settle(kind) for kind in ("succeeded", "failed", "retrying")))

    for outcomes in zip(*runs, strict=True):
        assert sorted(outcomes).count(Settled.DONE) == 1
    assert all(len(yard.read(job_id).history) == 1 for job_id in ids)
    verify(yard.client, yard.keys)


def test_settle_against_reap_leaves_one_owner(yard: Yard, settings: Settings) -> None:
    fill(yard, 300)
    yard.join("w1")
    claimed = yard.claim() + yard.claim() + yard.claim()
    yard.close_gap()

    def settle(store: Store) -> list[Settled]:
        outcomes: list[Settled] = []
        for n, job in enumerate(claimed):
            if n == 100:
                yard.expire("w1")
            settled = store.run(calls.settle("w1", [build_settlement("succeeded", job)]))
            outcomes.extend(settled)
        return outcomes

    def reap(store: Store) -> list[Settled]:
        while not store.run(calls.reap(lease_seconds=LEASE_SECONDS, limit=10)).workers:
            pass
        return []

    outcomes, _ = race(settings, settle, reap)

    for job, outcome in zip(claimed, outcomes, strict=True):
        ended = yard.read(job.id).state is State.SUCCEEDED
        assert ended is (outcome is Settled.DONE), (job.id, outcome)
    assert outcomes.count(Settled.STALE) == len(yard.waiting())
    verify(yard.client, yard.keys)


def test_release_against_leave_gives_each_job_back_once(yard: Yard, settings: Settings) -> None:
    ids = fill(yard, 200)
    yard.join("w1")
    claimed = yard.claim() + yard.claim()

    def release(store: Store) -> None:
        for job in claimed:
            store.run(calls.release("w1", [(job.id, job.token)]))

    def leave(store: Store) -> None:
        while store.run(calls.leave("w1", limit=9)).more:
            pass

    race(settings, release, leave)

    assert sorted(yard.waiting()) == ids
    verify(yard.client, yard.keys)


def test_reapers_rescue_each_job_once(yard: Yard, settings: Settings) -> None:
    ids = fill(yard, 500)
    for n in range(5):
        yard.join(f"w{n}")
        yard.claim(f"w{n}")
    yard.expire(*(f"w{n}" for n in range(5)))
    yard.close_gap()

    def reap(store: Store) -> int:
        rescued = 0
        while True:
            reaped = store.run(calls.reap(lease_seconds=LEASE_SECONDS, limit=11))
            rescued += reaped.rescued
            if not reaped.more and not reaped.workers:
                return rescued

    assert sum(race(settings, reap, reap, reap)) == 500

    assert sorted(yard.waiting()) == ids
    verify(yard.client, yard.keys)


def test_promoters_promote_each_job_once(yard: Yard, settings: Settings) -> None:
    ids = fill(yard, 600, delay_seconds=60)
    yard.make_due(*ids)

    def promote(store: Store) -> int:
        total = 0
        while promoted := store.run(calls.promote(limit=13)).promoted:
            total += promoted
        return total

    assert sum(race(settings, promote, promote, promote)) == 600

    assert sorted(yard.waiting()) == ids
    verify(yard.client, yard.keys)


def test_schedulers_fire_each_tick_once(yard: Yard, settings: Settings) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)

    def fire(store: Store) -> int:
        created = 0
        for n in range(200):
            submission = build_submission(id=f"cron-nightly-{n:03}")
            tick = start + timedelta(seconds=30 * n)
            outcome = store.run(calls.fire("nightly", tick, submission))
            created += outcome.status is SubmitStatus.CREATED
        return created

    race(settings, fire, fire, fire)

    waiting = yard.waiting()
    assert len(waiting) == len(set(waiting))
    assert waiting == sorted(waiting)
    assert waiting[-1] == "cron-nightly-199"
    verify(yard.client, yard.keys)


def test_what_was_canceled_before_it_started_never_starts(yard: Yard, settings: Settings) -> None:
    ids = fill(yard, 1000)

    def cancel(store: Store) -> list[str]:
        gone = []
        for batch in batches(ids[::-1], 5):
            outcomes = store.run(calls.cancel(batch))
            found = zip(batch, outcomes, strict=True)
            gone += [job_id for job_id, (what, _) in found if what is CancelOutcome.CANCELED]
        return gone

    claimed, canceled = race(
        settings,
        lambda store: [job.id for job in claimer("w1", 5)(store)],
        cancel,
    )

    assert set(claimed) & set(canceled) == set()
    assert set(claimed) | set(canceled) == set(ids)
    verify(yard.client, yard.keys)


def test_cancel_against_promote_leaves_each_job_in_one_place(
    yard: Yard, settings: Settings
) -> None:
    ids = fill(yard, 300, delay_seconds=60)
    yard.make_due(*ids)

    def promote(store: Store) -> None:
        while store.run(calls.promote(limit=3)).promoted:
            pass

    def cancel(store: Store) -> None:
        for job_id in reversed(ids):
            store.run(calls.cancel([job_id]))

    race(settings, promote, cancel)

    assert {yard.read(job_id).state for job_id in ids} == {State.CANCELED}
    assert yard.waiting() == []
    verify(yard.client, yard.keys)


def test_retries_queue_each_job_once_for_each_that_was_asked_for(
    yard: Yard, settings: Settings
) -> None:
    ids = fill(yard, 300)
    yard.join("w1")
    for _ in range(3):
        yard.store.run(
            calls.settle("w1", [build_settlement("failed", job) for job in yard.claim()])
        )

    def retry(nonce: str) -> Callable[[Store], list[MoveOutcome]]:
        def run(store: Store) -> list[MoveOutcome]:
            retries = [move_calls.retry(batch, nonce) for batch in batches(ids, 7)]
            return [outcome for call in retries for outcome in store.run(call)]

        return run

    runs = race(settings, retry("one"), retry("one"), retry("two"))

    for outcomes in zip(*runs, strict=True):
        assert set(outcomes) <= {MoveOutcome.DONE, MoveOutcome.WAITING}
        assert outcomes[0] is outcomes[1]
        assert outcomes[0] is not outcomes[2]
    assert sorted(yard.waiting()) == ids
    verify(yard.client, yard.keys)


def test_deletions_against_claims_leave_each_job_with_one_of_them(
    yard: Yard, settings: Settings
) -> None:
    ids = fill(yard, 600)

    def delete(store: Store) -> list[str]:
        gone = []
        for batch in batches(ids[::-1], 5):
            outcomes = store.run(move_calls.delete(batch))
            found = zip(batch, outcomes, strict=True)
            gone += [job_id for job_id, outcome in found if outcome is MoveOutcome.DONE]
        return gone

    claimed, *deleted = race(
        settings, lambda store: [job.id for job in claimer("w1", 5)(store)], delete, delete
    )

    assert sorted([*claimed, *deleted[0], *deleted[1]]) == ids
    verify(yard.client, yard.keys)


def test_reschedulings_against_claims_and_promotions_leave_each_job_in_one_place(
    yard: Yard, settings: Settings
) -> None:
    ids = fill(yard, 300)

    def reschedule(delay: float) -> Callable[[Store], Any]:
        def run(store: Store) -> None:
            for n, batch in enumerate(batches(ids, 5)):
                store.run(move_calls.reschedule(batch, f"{delay}-{n}", delay_seconds=delay))

        return run

    def promote(store: Store) -> None:
        for _ in range(60):
            store.run(calls.promote(limit=10))

    race(settings, claimer("w1", 3), reschedule(60.0), reschedule(0.001), promote)

    states = Counter(yard.read(job_id).state for job_id in ids)
    assert set(states) <= {State.RUNNING, State.QUEUED, State.SCHEDULED}
    verify(yard.client, yard.keys)


def test_renewals_against_reaping_keep_or_lose_the_worker_whole(
    yard: Yard, settings: Settings
) -> None:
    for round_number in range(30):
        worker = f"w{round_number}"
        yard.claim_new(f"job-of-{worker}", worker=worker)
        yard.expire(worker)
        yard.close_gap()

        is_alive, reaped = race(settings, _renewer(worker), _reap_once)

        assert is_alive is (worker not in reaped)
        verify(yard.client, yard.keys)
        yard.leave(worker)
        yard.join("sink")
        yard.claim("sink")


def _renewer(worker: str) -> Callable[[Store], Any]:
    def renew(store: Store) -> bool:
        renewal = store.run(calls.renew(worker, lease_seconds=LEASE_SECONDS, busy=1))
        return not renewal.gone

    return renew


def _reap_once(store: Store) -> Any:
    return store.run(calls.reap(lease_seconds=LEASE_SECONDS)).workers


def test_pruners_forget_each_job_once(yard: Yard, settings: Settings) -> None:
    ids = fill(yard, 300)
    yard.join("w1")
    for _ in range(3):
        ended = [build_settlement("succeeded", job) for job in yard.claim()]
        yard.store.run(calls.settle("w1", ended))
    yard.client.zadd(yard.keys.registry("finished", "default"), dict.fromkeys(ids, 1))

    def prune(store: Store) -> int:
        total = 0
        while pruned := store.run(calls.prune(limit=17)):
            total += sum(pruned.values())
        return total

    assert sum(race(settings, prune, prune)) == 300
    assert yard.client.zcard(yard.keys.jobs("default")) == 0


def test_everything_at_once_ends_every_job(yard: Yard, settings: Settings) -> None:
    """Submitters, workers that settle, release and die, promoters, reapers and a canceler."""
    ids = [f"j{n:04}" for n in range(600)]

    race(
        settings,
        lambda store: _submit_mixed(store, ids),
        lambda store: _work_until_over(store, "wa", len(ids)),
        lambda store: _work_until_over(store, "wb", len(ids)),
        lambda store: _look_after(store, yard, len(ids)),
        lambda store: _look_after(store, yard, len(ids)),
        lambda store: [store.run(calls.cancel([job_id])) for job_id in ids[::5]],
    )

    assert {yard.read(job_id).state for job_id in ids} <= TERMINAL
    verify(yard.client, yard.keys)


def _submit_mixed(store: Store, ids: list[str]) -> None:
    for n, batch in enumerate(batches(ids, 10)):
        delay = 0.01 if n % 3 == 0 else None
        jobs = [build_submission(id=job_id, delay_seconds=delay) for job_id in batch]
        store.run(calls.submit(jobs))


def _is_over(store: Store, total: int) -> bool:
    infos = store.run(calls.queues())
    submitted = sum(info.counters.get("submitted", 0) for info in infos)
    living = sum(info.queued + info.running + info.scheduled for info in infos)
    return submitted == total and living == 0


def _look_after(store: Store, yard: Yard, total: int) -> None:
    while not _is_over(store, total):
        store.run(calls.promote(limit=7))
        yard.close_gap()
        store.run(calls.reap(lease_seconds=LEASE_SECONDS, limit=7))
        store.run(calls.prune())


def _work_until_over(store: Store, name: str, total: int) -> None:
    life = 0
    while not _is_over(store, total):
        life += 1
        _one_life(store, f"{name}-{life}")


def _one_life(store: Store, worker: str) -> None:
    """Joins, works a little in every way, then leaves or is found dead."""
    store.run(calls.join(worker, pool="default", slots=8, lease_seconds=LEASE_SECONDS))
    for turn, kind in enumerate(("succeeded", "retrying", "failed", "succeeded", "crashed")):
        jobs = store.run(calls.claim(worker, build_nonce(), ("default",), 9)).jobs
        half = (len(jobs) + 1) // 2
        overrides = {"delay_seconds": 0.01} if kind == "retrying" else {}
        ended = [build_settlement(kind, job, **overrides) for job in jobs[:half]]
        store.run(calls.settle(worker, ended))
        store.run(calls.renew(worker, lease_seconds=LEASE_SECONDS, busy=turn))
        if turn % 2:
            store.run(calls.release(worker, [(job.id, job.token) for job in jobs[half:-1]]))
    if worker.endswith(("1", "3", "5")):
        store.client.zadd(store.keys.lease(), {worker: 1})
    else:
        store.run(calls.leave(worker))
