"""list over all queues, lanes, tags and times: newest first, each job once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jobyard.states import State
from jobyard.store import calls

if TYPE_CHECKING:
    from support.yard import Yard

QUEUED = frozenset({State.QUEUED})


def pages(yard: Yard, queue: str | None = None, **options: Any) -> list[str]:
    """Ids on all pages."""
    ids: list[str] = []
    before = None
    for _ in range(500):
        page = yard.store.run(calls.list_jobs(queue, before=before, **options))
        ids += [job.id for job in page.jobs]
        before = page.next
        if before is None:
            return ids
    raise AssertionError("the listing does not end")


def numbered(count: int) -> list[str]:
    return [f"j{number:03}" for number in range(count)]


@pytest.mark.parametrize("limit", [1, 7, 200])
def test_jobs_of_all_queues_are_merged_by_submission(yard: Yard, limit: int) -> None:
    ids = numbered(60)
    for number, job_id in enumerate(ids):
        yard.submit(job_id, queue=("default", "low", "mail.high")[number % 3])

    assert pages(yard, limit=limit) == ids[::-1]


def test_a_long_list_does_not_hide_a_short_one(yard: Yard) -> None:
    yard.submit("old", queue="low")
    yard.submit(*numbered(130))
    yard.submit("new", queue="low")

    assert pages(yard, limit=50) == ["new", *numbered(130)[::-1], "old"]


def test_a_queue_is_listed_with_its_lanes_and_a_lane_alone(yard: Yard) -> None:
    for job_id, queue in (("n", "mail"), ("h", "mail.high"), ("l", "mail.low"), ("x", "mailer")):
        yard.submit(job_id, queue=queue)

    assert pages(yard, "mail") == ["l", "h", "n"]
    assert pages(yard, "mail.high") == ["h"]
    shown = [(job.queue, job.priority) for job in yard.store.run(calls.list_jobs("mail")).jobs]
    assert shown == [("mail", "low"), ("mail", "high"), ("mail", "normal")]


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_a_state_is_listed_over_all_lanes(yard: Yard, limit: int) -> None:
    yard.submit("q1", "q2", queue="mail")
    yard.submit("q3", queue="mail.high")
    yard.submit("s1", queue="mail.low", delay_seconds=60.0)

    assert pages(yard, "mail", states=QUEUED, limit=limit) == ["q3", "q2", "q1"]
    assert pages(yard, states=frozenset({State.SCHEDULED}), limit=limit) == ["s1"]


def test_few_jobs_that_wait_are_found_among_many_that_do_not(yard: Yard) -> None:
    yard.submit("waits")
    for batch in range(3):
        yard.submit(*(f"b{batch}-{n}" for n in range(100)), delay_seconds=60.0)

    page = yard.store.run(calls.list_jobs(states=QUEUED, limit=1))

    assert [job.id for job in page.jobs] == ["waits"]


def test_many_jobs_that_wait_are_all_listed(yard: Yard) -> None:
    ids = [f"j{number:04}" for number in range(1300)]
    for at in range(0, len(ids), 100):
        yard.submit(*ids[at : at + 100])

    assert pages(yard, states=QUEUED, limit=200) == ids[::-1]


def test_jobs_with_a_tag_are_listed(yard: Yard) -> None:
    yard.submit("j1", tags=("red", "big"))
    yard.submit("j2", tags=("red",), queue="low")
    yard.submit("j3", tags=("blue",))
    yard.submit("j4", tags=("red",), task="echo", delay_seconds=60.0)

    assert pages(yard, tag="red", limit=1) == ["j4", "j2", "j1"]
    assert pages(yard, "default", tag="red") == ["j4", "j1"]
    assert pages(yard, tag="red", states=QUEUED) == ["j2", "j1"]
    assert pages(yard, tag="red", task="echo") == ["j4"]
    assert pages(yard, tag="none") == []


def test_tags_are_the_tenants_and_operators_see_them_all(yard: Yard) -> None:
    yard.submit("j1", tags=("red",))
    yard.submit("j2", tags=("red",), tenant="acme")
    yard.submit("j3", tags=("red",), tenant="other")

    assert pages(yard, tag="red") == ["j3", "j2", "j1"]
    assert pages(yard, tag="red", owner="acme") == ["j2"]


@pytest.mark.parametrize("options", [{}, {"tag": "red"}, {"owner": "acme"}])
def test_a_time_bounds_what_is_listed(yard: Yard, options: dict[str, str]) -> None:
    moments = []
    for job_id in ("j1", "j2", "j3"):
        yard.submit(job_id, tags=("red",), tenant="acme")
        created = yard.read(job_id).created_at
        assert created is not None
        moments.append(created)
        while yard.now_ms() <= int(created.timestamp() * 1000):
            pass

    assert pages(yard, created_after=moments[1], **options) == ["j3", "j2"]
    assert pages(yard, created_before=moments[1], **options) == ["j1"]
    between = pages(yard, created_after=moments[1], created_before=moments[2], **options)
    assert between == ["j2"]
    assert pages(yard, created_after=moments[2] + timedelta(seconds=1), **options) == []


def test_a_time_bounds_what_is_listed_of_a_state(yard: Yard) -> None:
    yard.submit("j1", delay_seconds=60.0)
    created = yard.read("j1").created_at
    assert created is not None

    scheduled: dict[str, Any] = {"states": frozenset({State.SCHEDULED})}
    assert pages(yard, created_after=created, **scheduled) == ["j1"]
    assert pages(yard, created_before=created, **scheduled) == []
    assert pages(yard, created_after=datetime(1970, 1, 1, tzinfo=UTC), **scheduled) == ["j1"]


def test_a_job_that_moved_between_two_pages_does_not_hide_others(yard: Yard) -> None:
    yard.submit("j1", "j2", "j3", "j4", delay_seconds=60.0)
    scheduled = frozenset({State.SCHEDULED})
    first = yard.store.run(calls.list_jobs(states=scheduled, limit=2))
    later = yard.now_ms() / 1000 + 9_000
    yard.client.zadd(yard.keys.registry("scheduled", "default"), {first.jobs[-1].id: later})

    second = yard.store.run(calls.list_jobs(states=scheduled, before=first.next))

    assert {job.id for job in (*first.jobs, *second.jobs)} == {"j1", "j2", "j3", "j4"}


def test_a_list_of_a_foreign_type_is_passed_over(yard: Yard) -> None:
    yard.submit("j1")
    yard.submit("j2", queue="low")
    yard.client.set(yard.keys.jobs("default"), "foreign")
    yard.client.set(yard.keys.tagged("", "red"), "foreign")

    assert pages(yard) == ["j2"]
    assert pages(yard, states=QUEUED) == ["j2"]
    assert pages(yard, tag="red") == []


def test_lists_of_tags_end_with_their_jobs(yard: Yard) -> None:
    yard.submit("ended", "kept", tags=("red",), tenant="acme")
    yard.join("w1")
    yard.settle("succeeded", yard.claim(limit=1)[0])
    yard.client.zadd(yard.keys.registry("finished", "default"), {"ended": 1})

    yard.prune()

    assert yard.client.zrange(yard.keys.tagged("acme", "red"), 0, -1) == [b"kept"]


def test_a_listed_job_outlives_its_time_until_the_pruner_comes(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1", tags=("red",), result_ttl_seconds=60)
    yard.settle("succeeded", claimed)

    assert 60 < yard.client.ttl(yard.keys.job("j1")) <= 360


def test_a_job_that_is_not_kept_leaves_no_trace_in_lists(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1", tags=("red",), tenant="acme", result_ttl_seconds=0)

    yard.settle("succeeded", claimed)

    assert not yard.client.exists(yard.keys.tagged("acme", "red"), yard.keys.jobs_of("acme"))


def test_tidying_ends_also_where_there_are_many_lists(yard: Yard) -> None:
    for number in range(300):
        yard.submit(f"j{number}", tags=(f"order:{number}",))
    yard.client.delete(*(yard.keys.job(f"j{number}") for number in range(300)))

    for _ in range(60):
        yard.store.run(calls.tidy(limit=100))

    assert not yard.client.exists(yard.keys.indexes())
