"""levels: what operators watch of queues, pools and the server, in so many commands a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jobyard.observability.metrics import QUEUE_JOBS
from jobyard.store import calls, oversight
from jobyard.store.levels import RESCUED, Pool, levels, server_of
from jobyard_scheduler.board import Board

if TYPE_CHECKING:
    from jobyard.store.levels import Levels
    from jobyard.store.records.oversight import QueueInfo
    from support.yard import Yard


COMMANDS_A_QUEUE = 11


def look(yard: Yard) -> Levels:
    return yard.store.run(levels())


def queue(yard: Yard, name: str = "default") -> QueueInfo:
    return {info.name: info for info in look(yard).queues}[name]


def join(yard: Yard, worker: str, pool: str, slots: int, lease_seconds: float = 30.0) -> None:
    yard.store.run(calls.join(worker, pool=pool, slots=slots, lease_seconds=lease_seconds))


def test_an_empty_yard_has_a_server_and_nothing_else(yard: Yard) -> None:
    seen = look(yard)

    assert (seen.queues, seen.pools, seen.unreadable) == ([], [], 0)
    assert seen.server
    assert seen.server.memory_bytes > 0
    assert seen.server.clients >= 1


def test_jobs_are_counted_by_state_with_the_lanes_of_their_queue(yard: Yard) -> None:
    done, failed = yard.claim_new("j1", "j2")
    yard.settle("succeeded", done)
    yard.settle("failed", failed)
    yard.claim_new("j3")
    yard.submit("j4", "j5")
    yard.submit("j6", queue="default.high")
    yard.submit("j7", queue="default.low", delay_seconds=60)
    yard.submit("j8")
    yard.cancel("j8")

    seen = queue(yard)

    assert (seen.queued, seen.running, seen.scheduled) == (3, 1, 1)
    assert (seen.succeeded, seen.failed, seen.canceled) == (1, 1, 1)
    assert [info.name for info in look(yard).queues] == ["default"]


def test_the_oldest_age_is_of_what_waits(yard: Yard) -> None:
    yard.submit("j1")
    yard.client.hset(yard.keys.job("j1"), "enqueued_at", "2020-01-01T00:00:00.000000Z")

    waiting = queue(yard).oldest_age_seconds
    yard.join("w1")
    yard.claim()

    assert waiting
    assert waiting > 100_000_000
    assert queue(yard).oldest_age_seconds is None


def test_what_was_given_back_does_not_hide_what_waits_behind_it(yard: Yard) -> None:
    """As in a crash loop, where the head of the queue is new again and again."""
    yard.submit("j1", "j2", "j3")
    yard.client.hset(yard.keys.job("j3"), "enqueued_at", "2020-01-01T00:00:00.000000Z")
    yard.join("w1")
    yard.claim(limit=2)

    yard.leave("w1")

    assert yard.waiting() == ["j1", "j2", "j3"]
    assert (queue(yard).oldest_age_seconds or 0) > 100_000_000


def test_an_id_whose_job_does_not_wait_has_no_age(yard: Yard) -> None:
    yard.submit("j1", "j2")
    old = {"status": "canceled", "enqueued_at": "2020-01-01T00:00:00.000000Z"}
    yard.client.hset(yard.keys.job("j1"), mapping=old)

    assert 0 <= (queue(yard).oldest_age_seconds or 0) < 3600


def test_a_paused_queue_is_paused_with_its_lanes(yard: Yard) -> None:
    yard.submit("j1", queue="default.high")

    yard.store.run(oversight.pause("default"))

    assert queue(yard).paused


def test_pools_have_workers_slots_and_what_is_busy(yard: Yard) -> None:
    join(yard, "w1", "blue", 4)
    join(yard, "w2", "blue", 4)
    join(yard, "w3", "green", 1)
    yard.renew("w1", busy=3)
    yard.renew("w2", busy=0)

    assert look(yard).pools == [Pool("blue", 2, 1, 8, 3), Pool("green", 1, 0, 1, 0)]


def test_a_worker_whose_lease_ran_out_does_not_count_and_its_pool_stays(yard: Yard) -> None:
    join(yard, "w1", "blue", 4, lease_seconds=-1.0)

    assert look(yard).pools == [Pool("blue", 0, 0, 0, 0)]


@pytest.mark.parametrize("who", ["reaper", "keeper"])
def test_what_was_rescued_is_counted_whoever_gave_it_back(yard: Yard, who: str) -> None:
    yard.claim_new("j1", "j2")

    if who == "keeper":
        yard.leave("w1")
    else:
        yard.client.zadd(yard.keys.lease(), {"w1": 1})
        yard.reap()

    assert queue(yard).counters[RESCUED] == 2


def test_what_cannot_be_read_is_counted(yard: Yard) -> None:
    yard.client.rpush(yard.keys.queue("default"), "no id of RQ")
    yard.client.sadd(yard.keys.queues(), yard.keys.queue("default"))
    yard.join("w1")
    yard.claim()

    assert look(yard).unreadable == 1


def test_keys_of_foreign_types_count_for_nothing_and_harm_only_themselves(yard: Yard) -> None:
    yard.submit("j1")
    yard.submit("j2", queue="other")
    yard.client.delete(yard.keys.queue("default"), yard.keys.counters("default"))
    for key in (
        yard.keys.queue("default"),
        yard.keys.counters("default"),
        yard.keys.pools(),
        yard.keys.lease(),
        yard.keys.paused(),
        yard.keys.quarantine(),
    ):
        yard.client.set(key, "foreign")

    assert queue(yard).queued == 0
    assert queue(yard, "other").queued == 1


def test_writes_that_a_full_server_refuses_are_counted_by_reason(yard: Yard) -> None:
    before = look(yard).server
    yard.client.config_set("maxmemory", "1")
    try:
        with pytest.raises(Exception, match="OOM"):
            yard.submit("j1")
        seen = look(yard).server
    finally:
        yard.client.config_set("maxmemory", "0")

    assert before
    assert seen
    assert seen.memory_limit_bytes == 1
    assert seen.rejections["OOM"] == before.rejections["OOM"] + 1


@pytest.mark.parametrize("info", ["", "NOPERM no\r\n", "# Memory\r\nnonsense"])
def test_a_server_that_may_not_be_asked_is_not_known(info: str) -> None:
    assert server_of(info) is None


def count_of_commands(yard: Yard) -> dict[str, int]:
    """What one look makes the server do, by command."""
    look(yard)  # the script is known from now on
    yard.client.config_resetstat()
    look(yard)
    stats: dict[str, dict[str, int]] = yard.client.info("commandstats")
    calls_of = {name.removeprefix("cmdstat_"): row["calls"] for name, row in stats.items()}
    return {name: number for name, number in calls_of.items() if not name.startswith("config")}


def test_a_look_is_one_call_of_so_many_commands_a_queue_however_many_jobs_wait(yard: Yard) -> None:
    queues = [f"q{number}" for number in range(10)]
    for name in queues:
        yard.submit(f"{name}-first", queue=name)
    few = count_of_commands(yard)
    for name in queues:
        yard.submit(*(f"{name}-{number}" for number in range(50)), queue=name)
    many = count_of_commands(yard)
    for name in queues:
        yard.submit(f"{name}-other", queue=f"{name}-other")
    twice = count_of_commands(yard)

    assert many == few
    assert few["evalsha"] == 1
    assert sum(twice.values()) - sum(few.values()) == 10 * COMMANDS_A_QUEUE


def test_series_of_the_store_are_bounded_by_its_queues_and_pools(yard: Yard) -> None:
    queues = [f"q{number}" for number in range(20)]
    for number in range(100):  # restarts: each worker has a name of its own
        join_queues = calls.join(f"w{number}", pool="p", slots=4, lease_seconds=30, queues=queues)
        yard.store.run(join_queues)
        yard.leave(f"w{number}")
    for name in queues:
        yard.submit(*(f"{name}-{number}" for number in range(50)), queue=name)
    board = Board()

    board.show(look(yard), 60)

    assert sum(len(source.read()) for source in board.sources()) == 20 * 11 + 4 + 10


def test_queues_beyond_a_number_are_shown_as_one(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobyard_scheduler.board.MOST_QUEUES", 2)
    for name in ("a", "b", "c", "d"):
        yard.submit(f"{name}-1", f"{name}-2", queue=name)
    board = Board()

    board.show(look(yard), 60)

    [jobs] = [source for source in board.sources() if source.metric is QUEUE_JOBS]
    queued = {labels[0]: value for labels, value in jobs.read().items() if labels[1] == "queued"}
    assert queued == {"a": 2, "b": 2, "other": 4}


def test_a_worker_of_rqs_own_that_was_killed_serves_no_queue_once_its_record_has_run_out(
    yard: Yard,
) -> None:
    yard.submit("j1")
    yard.register("dead", "alive")
    yard.client.delete(yard.keys.worker("dead"))

    yard.store.run(calls.tend_rq())

    assert queue(yard).workers == 1
    assert yard.client.smembers(yard.keys.workers()) == {yard.keys.worker("alive").encode()}


def test_a_worker_that_holds_a_lease_serves_its_queues_whatever_became_of_its_record(
    yard: Yard,
) -> None:
    yard.submit("j1")
    yard.register("w1")
    yard.join("w1")
    yard.client.delete(yard.keys.worker("w1"))

    yard.store.run(calls.tend_rq())

    assert queue(yard).workers == 1
