"""prune: what ended is forgotten when its time is over, in chunks, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rq.registry import FinishedJobRegistry

from jobyard.states import State
from support.consistency import verify

if TYPE_CHECKING:
    from support.yard import Yard


def end(yard: Yard, *ids: str, kind: str = "succeeded", is_over: bool = True) -> None:
    """Jobs that ended; ``is_over``: their time to be kept has passed."""
    for claimed in yard.claim_new(*ids):
        yard.settle(kind, claimed)
    if is_over:
        registry = {"succeeded": "finished"}.get(kind, kind)
        yard.client.zadd(yard.keys.registry(registry, "default"), dict.fromkeys(ids, 1))


@pytest.mark.parametrize("kind", ["succeeded", "failed", "canceled"])
def test_what_is_over_leaves_nothing_behind(yard: Yard, kind: str) -> None:
    end(yard, "j1", kind=kind)

    assert yard.prune() == 1

    left = {key for key, (_, value, _) in yard.dump().items() if "j1" in key or "j1" in str(value)}
    assert left <= {yard.keys.events("default"), yard.keys.hand("w1")}


def test_what_is_not_over_stays(yard: Yard) -> None:
    end(yard, "j1", is_over=False)
    before = yard.dump()

    assert yard.prune() == 0
    assert yard.dump() == before


def test_living_jobs_stay(yard: Yard) -> None:
    yard.claim_new("running")
    yard.submit("waiting")
    yard.submit("delayed", delay_seconds=60)
    before = yard.dump()

    assert yard.prune() == 0
    assert yard.dump() == before


def test_the_limit_is_kept(yard: Yard) -> None:
    end(yard, *(f"j{n}" for n in range(10)))

    assert [yard.prune(limit=4) for _ in range(4)] == [4, 4, 2, 0]


def test_jobs_that_run_for_a_day_stay_out_of_reach_of_rqs_own_cleanup(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    running = yard.keys.registry("wip", "default")
    member = f"j1:{claimed.token}"
    yard.client.zadd(running, {member: yard.now_ms() / 1000 + 60})

    yard.prune()

    score = yard.client.zscore(running, member)
    assert score is not None
    assert score > yard.now_ms() / 1000 + 80_000
    verify(yard.client, yard.keys)


def test_the_index_forgets_what_rq_tools_cleaned_up_first(yard: Yard) -> None:
    """``rq info`` empties a registry of what has expired; the listing must not keep ghosts."""
    end(yard, "j1")
    yard.client.delete(yard.keys.job("j1"), yard.keys.results("j1"))
    FinishedJobRegistry("default", connection=yard.client).cleanup()

    yard.prune()

    assert yard.client.zcard(yard.keys.jobs("default")) == 0


def test_ghosts_are_found_in_an_index_larger_than_one_chunk(yard: Yard) -> None:
    ids = [f"j{n:02}" for n in range(25)]
    yard.submit(*ids)
    yard.client.delete(*(yard.keys.job(job_id) for job_id in ids[::2]))

    for _ in range(8):
        yard.prune(limit=4)

    left = [job_id.decode() for job_id in yard.client.zrange(yard.keys.jobs("default"), 0, -1)]
    assert left == ids[1::2]


def test_a_queue_with_a_foreign_key_does_not_hold_up_the_others(yard: Yard) -> None:
    end(yard, "j1")
    yard.submit("other", queue="broken")
    yard.client.set(yard.keys.registry("failed", "broken"), "foreign")

    assert yard.prune() == 1
    assert yard.read("other").state is State.QUEUED
