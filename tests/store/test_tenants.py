"""What belongs to a tenant: to others it is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jobyard.states import State
from jobyard.store import calls
from jobyard.store.records.delivery import JournalEntry
from jobyard.store.records.job import CancelOutcome
from jobyard.store.records.submission import Idempotency, SubmitStatus
from support.builders import build_settlement, build_submission

if TYPE_CHECKING:
    from support.yard import Yard


def ids(yard: Yard, queue: str | None = None, **options: object) -> list[str]:
    page = yard.store.run(calls.list_jobs(queue, **options))  # type: ignore[arg-type]
    return [job.id for job in page.jobs]


def test_a_tenants_job_is_read_by_itself_and_by_operators(yard: Yard) -> None:
    yard.submit("j1", tenant="acme")

    for owner in ("acme", None):
        record = yard.store.run(calls.read("j1", owner))
        assert record is not None
        assert record.tenant == "acme"


@pytest.mark.parametrize("tenant", ["", "other", "acme2"])
def test_another_tenants_job_is_not_there(yard: Yard, tenant: str) -> None:
    yard.submit("j1", tenant=tenant)
    before = yard.dump()

    assert yard.store.run(calls.read("j1", "acme")) is None
    assert yard.store.run(calls.cancel(["j1"], "acme")) == [(CancelOutcome.MISSING, None)]
    assert ids(yard, owner="acme") == []
    assert ids(yard, "default", owner="acme") == []
    assert yard.dump() == before


def test_a_tenant_cancels_its_own_job(yard: Yard) -> None:
    yard.submit("j1", tenant="acme")

    [outcome] = yard.store.run(calls.cancel(["j1"], "acme"))

    assert outcome == (CancelOutcome.CANCELED, State.CANCELED)


def test_a_tenants_jobs_are_listed_newest_first_over_all_queues(yard: Yard) -> None:
    yard.submit("a1", "a2", tenant="acme")
    yard.submit("o1", tenant="other")
    yard.submit("n1")
    yard.submit("a3", tenant="acme", queue="low", task="echo")
    yard.submit("a4", tenant="acme", delay_seconds=60.0)

    assert ids(yard, owner="acme") == ["a4", "a3", "a2", "a1"]
    assert ids(yard, "low", owner="acme") == ["a3"]
    assert ids(yard, owner="acme", task="echo") == ["a3"]
    assert ids(yard, owner="acme", states=frozenset({State.SCHEDULED})) == ["a4"]
    assert ids(yard, "default") == ["a4", "n1", "o1", "a2", "a1"]


def test_pages_of_a_tenant_survive_new_jobs(yard: Yard) -> None:
    yard.submit("a1", "a2", "a3", tenant="acme")
    first = yard.store.run(calls.list_jobs(None, owner="acme", limit=2))
    yard.submit("a4", tenant="acme")

    second = yard.store.run(calls.list_jobs(None, owner="acme", before=first.next))

    assert [job.id for job in (*first.jobs, *second.jobs)] == ["a3", "a2", "a1"]
    assert second.next is None


def test_a_delayed_job_of_a_tenant_is_listed_with_its_time(yard: Yard) -> None:
    yard.submit("j1", tenant="acme", queue="low", delay_seconds=60.0)

    [job] = yard.store.run(calls.list_jobs(None, owner="acme")).jobs

    assert job.scheduled_for is not None


def test_an_idempotency_key_of_one_tenant_says_nothing_to_another(yard: Yard) -> None:
    jobs = [
        build_submission(id=tenant, tenant=tenant, idempotency=Idempotency(scope, "key", "f"))
        for tenant, scope in (("acme", "acme:jobs"), ("other", "other:jobs"))
    ]

    outcomes = yard.store.run(calls.submit(jobs))

    assert [outcome.status for outcome in outcomes] == [SubmitStatus.CREATED] * 2


def test_what_a_tenants_job_leaves_is_the_tenants(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1", tenant="acme")
    child = build_submission(id="child", queue="low")
    line = JournalEntry("notes", "a line")

    yard.settle("succeeded", claimed, follow_ups=(child,), journal=(line,))

    assert ids(yard, owner="acme") == ["child", "j1"]
    assert yard.store.run(calls.journal("notes", "acme")) == ["a line"]
    assert yard.store.run(calls.journal("notes")) == []


def test_what_a_job_of_nobody_leaves_is_nobodys(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")

    yard.settle("succeeded", claimed, follow_ups=(build_submission(id="child"),))

    assert yard.read("child").tenant == ""
    assert not yard.client.exists(yard.keys.tenants())


def test_the_pruner_takes_ended_jobs_out_of_the_tenants_list(yard: Yard) -> None:
    [claimed, _] = yard.claim_new("ended", "running", tenant="acme")
    yard.settle("succeeded", claimed)
    yard.client.zadd(yard.keys.registry("finished", "default"), {"ended": 1})

    assert yard.prune() == 1

    assert yard.client.zrange(yard.keys.jobs_of("acme"), 0, -1) == [b"running"]


def test_what_is_gone_without_a_word_is_tidied_away(yard: Yard) -> None:
    yard.submit(*(f"j{number}" for number in range(5)), tenant="acme")
    yard.client.delete(*(yard.keys.job(f"j{number}") for number in range(4)))

    for _ in range(3):
        yard.store.run(calls.tidy(limit=2))

    assert yard.client.zrange(yard.keys.jobs_of("acme"), 0, -1) == [b"j4"]


def test_a_settlement_for_a_tenant_is_safe_to_send_twice(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1", tenant="acme")
    left = (build_submission(id="child", tenant="ignored"),)
    call = calls.settle("w1", [build_settlement("succeeded", claimed, follow_ups=left)])

    yard.store.run(call)
    before = yard.dump()
    yard.store.run(call)

    assert yard.dump() == before
    assert yard.read("child").tenant == "acme"
