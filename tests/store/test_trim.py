"""trim: what ended jobs of a queue take is known, and kept below a budget, the oldest first."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from jobyard.states import State
from jobyard.store import calls
from support.builders import build_settlement

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.store.records.upkeep import Trimmed
    from support.yard import Yard

KINDS = ("succeeded", "failed", "canceled")
NOTHING = 1
"""A budget that no job fits in."""


def end(yard: Yard, *ids: str, kind: str = "succeeded", bytes_: int = 0, **overrides: Any) -> None:
    """Jobs that ended; ``bytes_`` of noise, which does not shrink, are the result of each."""
    for at in range(0, len(ids), calls.BATCH):
        claimed = yard.claim_new(*ids[at : at + calls.BATCH], **overrides)
        result = b'"%s"' % random.Random(at).randbytes(bytes_ // 2).hex().encode()
        more: dict[str, Any] = {"result": result} if kind == "succeeded" else {}
        yard.store.run(calls.settle("w1", [build_settlement(kind, it, **more) for it in claimed]))


def numbered(jobs: int, prefix: str = "j") -> list[str]:
    return [f"{prefix}{number:04}" for number in range(jobs)]


def trim(yard: Yard, budget: int = 0, limit: int = 500) -> Trimmed:
    return yard.store.run(calls.trim("default", budget_bytes=budget, limit=limit))


def stored(yard: Yard) -> set[str]:
    jobs = yard.keys.job("")
    return {
        name.decode().removeprefix(jobs) for name in yard.client.scan_iter(f"{jobs}*", count=1000)
    }


@pytest.mark.parametrize("bytes_", [0, 10_000, 100_000], ids=["small", "in the hash", "apart"])
def test_the_estimate_is_about_what_the_server_uses(
    yard: Yard, figure: Callable[[str, object], None], bytes_: int
) -> None:
    yard.join("w1")
    before = yard.client.info("memory")["used_memory"]
    end(yard, *numbered(1_000), bytes_=bytes_)

    trimmed = trim(yard)

    used = yard.client.info("memory")["used_memory"] - before
    figure(f"estimate / used, 1000 results of {bytes_} B", f"{trimmed.retained_bytes / used:.2f}")
    assert 0.6 < trimmed.retained_bytes / used < 1.5
    assert trimmed.forgotten == 0


def test_without_a_budget_nothing_is_forgotten(yard: Yard) -> None:
    end(yard, *numbered(20))
    before = yard.dump()

    assert trim(yard).retained_bytes > 0
    assert yard.dump() == before


def test_an_empty_queue_takes_nothing(yard: Yard) -> None:
    assert trim(yard, NOTHING).retained_bytes == 0


def test_jobs_that_have_not_ended_are_not_counted_and_stay(yard: Yard) -> None:
    yard.submit("waiting", "other", payload=b'{"a":"%s"}' % (b"x" * 100_000))
    yard.join("w1")
    yard.claim(limit=1)
    yard.submit("delayed", delay_seconds=60)
    before = yard.dump()

    assert trim(yard, NOTHING).retained_bytes == 0
    assert yard.dump() == before


def test_the_oldest_go_first_until_the_budget_holds(yard: Yard) -> None:
    ids = numbered(40)
    for at in range(0, 40, 10):
        end(yard, *ids[at : at + 10], bytes_=20_000, result_ttl_seconds=1_000 + at)
    half = trim(yard).retained_bytes // 2

    trimmed = trim(yard, half)

    assert trimmed.retained_bytes <= half
    assert trim(yard).retained_bytes <= half * 1.05
    left = stored(yard)
    assert left == set(ids[-len(left) :])
    assert 15 <= len(left) <= 20
    assert trimmed.succeeded == 40 - len(left)


def test_dead_letters_go_last(yard: Yard) -> None:
    for kind in KINDS:
        end(yard, *numbered(10, kind), kind=kind)
    whole = trim(yard).retained_bytes

    first = trim(yard, whole * 9 // 10)
    second = trim(yard, whole // 2)
    third = trim(yard, NOTHING)

    assert (first.canceled, first.failed) == (0, 0)
    assert (second.succeeded + first.succeeded, second.failed) == (10, 0)
    assert third.failed == 10
    assert stored(yard) == set()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_of_what_was_forgotten(yard: Yard, kind: str) -> None:
    end(yard, "j1", kind=kind, bytes_=200_000)

    assert trim(yard, NOTHING).forgotten == 1

    left = {key for key, (_, value, _) in yard.dump().items() if "j1" in key or "j1" in str(value)}
    assert left <= {yard.keys.events("default"), yard.keys.hand("w1")}


def test_what_is_kept_apart_weighs_with_its_own_size(yard: Yard) -> None:
    """A few large ones among many small ones, which a sample of jobs would miss."""
    end(yard, *numbered(500))
    end(yard, "large", bytes_=4_000_000)

    apart = yard.client.strlen(yard.keys.result("large"))
    retained = trim(yard).retained_bytes

    assert apart < retained < apart + 500 * 12_000


def test_one_call_forgets_no_more_than_its_limit(yard: Yard) -> None:
    end(yard, *numbered(10), kind="failed")

    found = [trim(yard, NOTHING, limit=4) for _ in range(4)]

    assert [it.failed for it in found] == [4, 4, 2, 0]
    assert [it.more for it in found] == [True, True, False, False]


def test_a_job_that_runs_again_is_not_forgotten_where_it_is_still_listed(yard: Yard) -> None:
    end(yard, "j1")
    yard.client.hset(yard.keys.job("j1"), "status", "queued")
    yard.client.rpush(yard.keys.queue("default"), "j1")

    trim(yard, NOTHING)

    assert (yard.read("j1").state, yard.waiting()) == (State.QUEUED, ["j1"])


def test_what_rq_keeps_for_ever_goes_after_what_has_an_end(yard: Yard) -> None:
    end(yard, "for-ever", "ends")
    yard.client.zadd(yard.keys.registry("finished", "default"), {"for-ever": -1})

    trim(yard, trim(yard).retained_bytes - 1)

    assert stored(yard) == {"for-ever"}


def test_a_foreign_index_of_what_is_apart_does_not_stop_it(yard: Yard) -> None:
    end(yard, "j1", bytes_=200_000)
    yard.client.set(yard.keys.apart("default"), "foreign")

    assert trim(yard, NOTHING).forgotten == 1
    assert stored(yard) == set()
