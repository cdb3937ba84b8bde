"""Which new jobs are taken: the depth of queues, what a tenant may have waiting, all or none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from jobyard.store import calls
from jobyard.store.records.submission import Idempotency, OnConflict, Unique
from support.builders import build_submission

if TYPE_CHECKING:
    from support.yard import Yard


def submit(yard: Yard, *ids: str, deepest: int | None = None, **options: Any) -> list[str]:
    """The outcome of each."""
    jobs = [build_submission(id=job_id, **options) for job_id in ids]
    return [str(done.status) for done in yard.store.run(calls.submit(jobs, deepest=deepest))]


def together(yard: Yard, *jobs: Any, deepest: int | None = None) -> list[str]:
    call = calls.submit(jobs, together=True, deepest=deepest)
    return [str(done.status) for done in yard.store.run(call)]


# ---------------------------------------------------------------- depth


def test_a_queue_takes_as_many_jobs_as_may_wait(yard: Yard) -> None:
    assert submit(yard, "j1", "j2", "j3", deepest=2) == ["created", "created", "full"]
    assert submit(yard, "j4", deepest=2) == ["full"]
    assert yard.waiting() == ["j1", "j2"]


def test_jobs_of_all_lanes_and_delayed_ones_count(yard: Yard) -> None:
    submit(yard, "j1", queue="mail.high")
    submit(yard, "j2", queue="mail", delay_seconds=60.0)
    submit(yard, "j3", queue="mail.low", delay_seconds=60.0)

    assert submit(yard, "j4", queue="mail", deepest=3) == ["full"]
    assert submit(yard, "j5", queue="mail.low", deepest=3) == ["full"]
    assert submit(yard, "j6", queue="other", deepest=3) == ["created"]


def test_what_was_claimed_makes_room(yard: Yard) -> None:
    submit(yard, "j1", deepest=1)
    yard.join("w1")
    yard.claim()

    assert submit(yard, "j2", deepest=1) == ["created"]


def test_a_full_queue_still_answers_for_what_it_took(yard: Yard) -> None:
    once = Idempotency("-:jobs", "key", "f")
    submit(yard, "j1", deepest=1, idempotency=once)

    assert submit(yard, "j2", deepest=1, idempotency=once) == ["replayed"]
    assert submit(yard, "j1", deepest=1) == ["exists"]


def test_a_job_that_was_refused_may_come_again_under_its_key(yard: Yard) -> None:
    submit(yard, "j1")
    once = Idempotency("-:jobs", "key", "f")
    submit(yard, "j2", deepest=1, idempotency=once)
    yard.cancel("j1")

    assert submit(yard, "j2", deepest=1, idempotency=once) == ["created"]


# ---------------------------------------------------------------- a tenant's waiting jobs


def waiting(yard: Yard, tenant: str = "acme") -> set[bytes]:
    return set(yard.client.smembers(yard.keys.waiting(tenant)))


def test_a_tenant_has_as_many_jobs_waiting_as_it_may(yard: Yard) -> None:
    limited: dict[str, Any] = {"tenant": "acme", "waiting_limit": 2}

    assert submit(yard, "j1", "j2", "j3", **limited) == ["created", "created", "quota"]
    assert submit(yard, "j4", queue="other", **limited) == ["quota"]
    assert submit(yard, "j5", tenant="other", waiting_limit=2) == ["created"]


def test_a_limit_of_none_takes_nothing(yard: Yard) -> None:
    assert submit(yard, "j1", tenant="acme", waiting_limit=0) == ["quota"]


def test_a_tenant_without_a_limit_is_not_counted(yard: Yard) -> None:
    submit(yard, "j1", tenant="acme")

    assert not yard.client.exists(yard.keys.waiting("acme"))


def test_a_job_counts_until_its_first_start(yard: Yard) -> None:
    submit(yard, "j1", tenant="acme", waiting_limit=9)
    yard.join("w1")
    assert waiting(yard) == {b"j1"}

    [claimed] = yard.claim()
    assert waiting(yard) == set()
    yard.settle("retrying", claimed, delay_seconds=0)

    assert waiting(yard) == set()


@pytest.mark.parametrize("delay", [None, 60.0])
def test_a_job_that_never_starts_counts_until_it_ends(yard: Yard, delay: float | None) -> None:
    submit(yard, "j1", tenant="acme", waiting_limit=9, delay_seconds=delay)

    yard.cancel("j1")

    assert waiting(yard) == set()


def test_a_job_that_expires_does_not_count_any_more(yard: Yard) -> None:
    past = datetime(2026, 1, 1, tzinfo=UTC)
    submit(yard, "j1", tenant="acme", waiting_limit=9, expires_at=past)
    yard.join("w1")

    assert yard.claim() == []

    assert waiting(yard) == set()


def test_a_job_that_is_replaced_does_not_count_any_more(yard: Yard) -> None:
    unique = Unique("k", OnConflict.REPLACE)
    submit(yard, "j1", tenant="acme", waiting_limit=9, unique=unique)
    submit(yard, "j2", tenant="acme", waiting_limit=9, unique=unique)

    assert waiting(yard) == {b"j2"}


def test_jobs_that_vanished_or_that_others_started_are_tidied_away(yard: Yard) -> None:
    submit(yard, "gone", "started", "waits", tenant="acme", waiting_limit=9)
    yard.client.delete(yard.keys.job("gone"))
    yard.client.hset(yard.keys.job("started"), mapping={"status": "started", "deliveries": 1})

    yard.store.run(calls.tidy())

    assert waiting(yard) == {b"waits"}


# ---------------------------------------------------------------- all or none


def test_jobs_that_go_together_are_all_stored(yard: Yard) -> None:
    jobs = [build_submission(id=job_id) for job_id in ("j1", "j2")]

    assert together(yard, *jobs) == ["created", "created"]
    assert together(yard, *jobs) == ["exists", "exists"]


def test_none_is_stored_when_one_is_refused(yard: Yard) -> None:
    submit(yard, "holder", unique=Unique("k"))
    before = yard.dump()

    jobs = [
        build_submission(id="j1", tags=("x",), tenant="acme", waiting_limit=9),
        build_submission(id="j2", unique=Unique("k")),
        build_submission(id="j3", idempotency=Idempotency("-:batch", "key", "f")),
    ]

    assert together(yard, *jobs) == ["withheld", "taken", "withheld"]
    assert yard.dump() == before


def test_jobs_that_go_together_count_each_other(yard: Yard) -> None:
    ids = ("j1", "j2", "j3")
    limited = [build_submission(id=i, tenant="acme", waiting_limit=2) for i in ids]
    unique = [build_submission(id=i, unique=Unique("k")) for i in ids[:2]]

    assert together(yard, *limited) == ["withheld", "withheld", "quota"]
    assert together(yard, *(build_submission(id=i) for i in ids), deepest=2) == [
        "withheld",
        "withheld",
        "full",
    ]
    assert together(yard, *unique) == ["withheld", "taken"]
    assert yard.dump() == {}


def test_jobs_that_go_together_are_replayed_together(yard: Yard) -> None:
    def jobs(prefix: str) -> list[Any]:
        keys = [Idempotency("-:batch", f"key#{number}", "f") for number in range(2)]
        return [build_submission(id=f"{prefix}{key.key[-1]}", idempotency=key) for key in keys]

    together(yard, *jobs("a"))

    assert together(yard, *jobs("b")) == ["replayed", "replayed"]
