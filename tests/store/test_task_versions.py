"""Several versions of one task: which one counts, how long a version is known, and the clash."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jobyard.store import calls
from support.scenarios import TASK

if TYPE_CHECKING:
    from jobyard.store.records.catalogue import PublishedTask
    from support.yard import Yard


def publish(yard: Yard, worker: str, version: str, **changes: object) -> None:
    """What a worker does at its start; '' is an API."""
    if worker:
        yard.join(worker)
    task = replace(TASK, version=version, **changes)  # type: ignore[arg-type]
    yard.store.run(calls.publish_tasks([task], worker=worker))


def found(yard: Yard) -> PublishedTask:
    [task] = yard.store.run(calls.published()).tasks
    return task


def versions(yard: Yard) -> dict[str, bool]:
    """Each version that is known, the one that counts first, and whether it is served."""
    return {version.version: version.served for version in found(yard).versions}


def test_the_version_that_was_seen_last_counts_and_the_clash_is_known(yard: Yard) -> None:
    publish(yard, "w1", "old")
    publish(yard, "w2", "new", description="new")

    assert found(yard).record.description == "new"
    assert list(versions(yard).items()) == [("new", True), ("old", True)]
    assert found(yard).clash


def test_a_worker_of_the_old_version_that_starts_again_does_not_make_it_count(yard: Yard) -> None:
    publish(yard, "w1", "old")
    publish(yard, "w2", "new")

    publish(yard, "w3", "old")

    assert list(versions(yard)) == ["new", "old"]


def test_the_clash_is_over_when_nobody_serves_the_old_version(yard: Yard) -> None:
    publish(yard, "w1", "old")
    publish(yard, "w2", "new")

    yard.leave("w1")

    assert versions(yard) == {"new": True, "old": False}
    assert not found(yard).clash


def test_after_a_rollback_the_old_version_counts(yard: Yard) -> None:
    publish(yard, "w1", "old")
    publish(yard, "w2", "new")

    yard.leave("w2")

    assert found(yard).record.version == "old"
    assert not found(yard).clash


def test_what_counts_without_any_worker_is_what_was_seen_last(yard: Yard) -> None:
    publish(yard, "w1", "old")
    publish(yard, "w2", "new")

    yard.leave("w1")
    yard.leave("w2")

    assert found(yard).record.version == "new"
    assert not found(yard).clash


def test_a_version_that_nobody_serves_is_forgotten_when_another_one_comes(yard: Yard) -> None:
    publish(yard, "w1", "old")
    yard.leave("w1")

    publish(yard, "w2", "new")

    assert versions(yard) == {"new": True}


def test_a_version_that_was_forgotten_is_new_when_it_comes_again(yard: Yard) -> None:
    publish(yard, "w1", "1")
    yard.leave("w1")
    publish(yard, "w2", "2")

    publish(yard, "w3", "1")

    assert list(versions(yard).items()) == [("1", True), ("2", True)]


def test_what_an_api_brings_does_not_count_where_a_worker_has_said_something(yard: Yard) -> None:
    publish(yard, "w1", "workers", description="the workers'")
    yard.leave("w1")

    publish(yard, "", "image")
    publish(yard, "", "workers", description="the image's")

    assert found(yard).record.description == "the workers'"
    assert versions(yard) == {"workers": False, "image": False}


def test_what_an_api_brings_counts_until_a_worker_says_something(yard: Yard) -> None:
    publish(yard, "", "image")
    before = found(yard).record.version

    publish(yard, "w1", "workers")

    assert (before, versions(yard)) == ("image", {"workers": True})


def test_the_same_version_published_again_keeps_its_age_and_takes_the_new_defaults(
    yard: Yard,
) -> None:
    publish(yard, "w1", "1", timeout_seconds=10)
    first = found(yard).versions

    publish(yard, "w2", "1", timeout_seconds=20)

    assert found(yard).versions == first
    assert found(yard).record.timeout_seconds == 20


def test_a_worker_that_was_reaped_serves_nothing(yard: Yard) -> None:
    publish(yard, "w1", "1")
    yard.expire("w1")
    yard.reap()

    yard.store.run(calls.publish_tasks([TASK], worker="w1"))

    assert versions(yard) == {"1": False}
    assert not yard.client.exists(yard.keys.hand("w1"))


def test_one_worker_that_leaves_does_not_end_the_version_of_its_neighbours(yard: Yard) -> None:
    publish(yard, "w1", "1")
    publish(yard, "w2", "1")

    yard.leave("w1")

    assert versions(yard) == {"1": True}


def test_a_task_that_an_older_jobyard_published_is_known(yard: Yard) -> None:
    publish(yard, "w1", "1")
    key = yard.keys.task(TASK.name)
    old = [name for name in yard.client.hkeys(key) if name != b"record"]
    yard.client.hdel(key, *old)

    assert found(yard).record == replace(TASK, version="1")
    assert versions(yard) == {}


def test_the_queues_of_tasks_and_of_workers_are_declared(yard: Yard) -> None:
    publish(yard, "", "1", queue="of-task")
    join = calls.join("w1", pool="p", slots=1, lease_seconds=60, queues=("of-worker", "too"))
    yard.store.run(join)
    yard.submit("j1", queue="of-job")
    yard.leave("w1")

    queues = yard.store.run(calls.published()).queues

    assert queues == {"of-task", "of-worker", "too", "of-job"}


def test_the_queue_of_a_worker_of_rq_is_declared_while_it_lives(yard: Yard) -> None:
    yard.register("stock")

    assert yard.store.run(calls.published()).queues == {"default"}


def test_many_releases_leave_no_trail(yard: Yard) -> None:
    publish(yard, "stays", "1")
    for number in range(30):
        other = replace(TASK, name="other", version=str(number))
        yard.join("w1")
        yard.store.run(calls.publish_tasks([replace(TASK, version="1"), other], worker="w1"))
        yard.leave("w1")

    hash_ = yard.client.hgetall(yard.keys.task(TASK.name))
    other_hash = yard.client.hgetall(yard.keys.task("other"))

    assert len(hash_[b"releases:1"].split()) == 2
    assert len(other_hash) == 5
