"""The scheduler as a process: it promotes, reaps, ticks and prunes with no worker alive."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from jobyard.states import State
from jobyard.store import calls
from support.builders import build_settlement, build_submission, build_task_record
from support.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    import redis

    from jobyard.store import Store
    from jobyard.store.records.job import JobRecord
    from support.processes import Service, Services
    from support.servers import StoreServer

QUIET = {"JOBYARD_NOTIFICATIONS": "false"}


def publish(store: Store, *names: str, queue: str = "default") -> None:
    records = [build_task_record(name=name, queue=queue) for name in names]
    store.run(calls.publish_tasks(records))


def start(services: Services, tmp_path: Path, schedules: str = "", **env: Any) -> Service:
    if schedules:
        path = tmp_path / "schedules.toml"
        path.write_text(schedules)
        env = {"JOBYARD_SCHEDULES_FILE": path, **env}
    return services.start("jobyard-scheduler", **{**QUIET, **env})


def queued(store: Store, queue: str = "default") -> list[JobRecord]:
    return list(store.run(calls.list_jobs(queue, limit=500)).jobs)


def state_of(store: Store, job_id: str) -> State | None:
    job = store.run(calls.read(job_id))
    return job.state if job else None


def claim_with(store: Store, worker: str, lease_seconds: float) -> None:
    store.run(calls.join(worker, pool="default", slots=1, lease_seconds=lease_seconds))
    assert store.run(calls.claim(worker, "nonce", ["default"], 1)).jobs


def test_a_delayed_job_is_promoted_when_it_is_due(
    services: Services, store: Store, tmp_path: Path
) -> None:
    start(services, tmp_path).wait_for_log("scheduler.started")

    store.run(calls.submit([build_submission(id="later", delay_seconds=0.5)]))

    assert state_of(store, "later") is State.SCHEDULED
    wait_for(lambda: state_of(store, "later") is State.QUEUED)


def test_what_a_dead_worker_held_is_given_back(
    services: Services, store: Store, tmp_path: Path
) -> None:
    start(services, tmp_path, JOBYARD_LEASE_SECONDS=1)
    store.run(calls.submit([build_submission(id="held")]))

    claim_with(store, "dead-1", lease_seconds=1)

    wait_for(lambda: state_of(store, "held") is State.QUEUED)


def test_what_is_past_its_ttl_is_pruned(services: Services, store: Store, tmp_path: Path) -> None:
    store.run(calls.submit([build_submission(id="old", result_ttl_seconds=1)]))
    store.run(calls.join("w1", pool="default", slots=1, lease_seconds=30))
    claimed = store.run(calls.claim("w1", "nonce", ["default"], 1)).jobs[0]
    store.run(calls.settle("w1", [build_settlement("succeeded", claimed)]))

    start(services, tmp_path)

    wait_for(lambda: not queued(store), 20)


def test_an_interval_fires_its_ticks_with_the_tasks_defaults(
    services: Services, store: Store, tmp_path: Path
) -> None:
    publish(store, "add", queue="sums")

    start(
        services,
        tmp_path,
        '[[schedule]]\nname = "every"\ntask = "add"\npayload = {a = 1}\nevery = 1\n',
    )

    wait_for(lambda: len(queued(store, "sums")) >= 3)
    jobs = queued(store, "sums")
    assert {job.payload["a"] for job in jobs} == {1}
    assert {job.timeout_seconds for job in jobs} == {60}
    ticks = sorted(int(job.id.removeprefix("cron-every-")) for job in jobs)
    assert ticks == list(range(ticks[0], ticks[0] + len(ticks)))


def test_a_cron_fires_in_the_named_queue(services: Services, store: Store, tmp_path: Path) -> None:
    publish(store, "add")

    start(
        services,
        tmp_path,
        '[[schedule]]\nname = "c"\ntask = "add"\nqueue = "low"\ncron = "* * * * * *"\n'
        'timezone = "Asia/Kolkata"\n',
    )

    wait_for(lambda: len(queued(store, "low")) >= 2)


def test_a_task_that_appears_later_is_fired_then(
    services: Services, store: Store, tmp_path: Path
) -> None:
    scheduler = start(services, tmp_path, '[[schedule]]\nname = "s"\ntask = "add"\nevery = 1\n')
    scheduler.wait_for_log("ticker.unknown_task")

    publish(store, "add")

    wait_for(lambda: queued(store))


def test_three_schedulers_fire_promote_and_reap_once(
    services: Services, store: Store, tmp_path: Path
) -> None:
    publish(store, "add")
    delayed = [build_submission(id=f"d{n}", queue="slow", delay_seconds=n / 100) for n in range(99)]
    store.run(calls.submit(delayed))
    store.run(calls.submit([build_submission(id=f"h{n}") for n in range(3)]))
    for number in range(3):
        store.run(calls.join(f"w{number}", pool="default", slots=1, lease_seconds=1))
        store.run(calls.claim(f"w{number}", "nonce", ["default"], 1))

    for _ in range(3):
        start(
            services,
            tmp_path,
            '[[schedule]]\nname = "s"\ntask = "add"\nqueue = "ticks"\nevery = 1\n',
            JOBYARD_LEASE_SECONDS=1,
        )
    wait_for(lambda: len(queued(store, "ticks")) >= 4, 20)
    wait_for(lambda: depth(store, "slow") == 99)
    wait_for(lambda: depth(store, "default") == 3)

    assert depth(store, "ticks") == len(queued(store, "ticks"))
    fired = [event["job_id"] for event in events(services, "ticker.fired")]
    assert len(fired) == len(set(fired)) >= 4
    assert sum(event["rescued"] for event in events(services, "reaper.reaped")) == 3


def test_a_killed_scheduler_is_not_missed_while_another_lives(
    services: Services, store: Store, tmp_path: Path
) -> None:
    first, second = (start(services, tmp_path, JOBYARD_LEASE_SECONDS=1) for _ in range(2))
    for scheduler in (first, second):
        scheduler.wait_for_log("scheduler.started")
    store.run(calls.submit([build_submission(id="held")]))
    claim_with(store, "dead-1", lease_seconds=1)
    store.run(calls.submit([build_submission(id="later", delay_seconds=0.5)]))

    first.kill()

    wait_for(lambda: state_of(store, "later") is State.QUEUED)
    wait_for(lambda: state_of(store, "held") is State.QUEUED)
    assert second.is_running


def events(services: Services, name: str) -> list[dict[str, Any]]:
    lines = [line for service in services.started for line in service.log().splitlines()]
    return [event for event in map(json.loads, lines) if event["event"] == name]


def depth(store: Store, queue: str) -> int:
    return next((info.queued for info in store.run(calls.queues()) if info.name == queue), 0)


def test_a_restart_does_not_fire_old_ticks(
    services: Services, store: Store, tmp_path: Path
) -> None:
    publish(store, "add")
    # A tick far in the past and one that only comes tomorrow: nothing is due now.
    text = '[[schedule]]\nname = "s"\ntask = "add"\nevery = "300d"\n'

    start(services, tmp_path, text).wait_for_log("scheduler.started")
    claimable = build_submission(id="proof", delay_seconds=0.3)
    store.run(calls.submit([claimable]))
    wait_for(lambda: state_of(store, "proof") is State.QUEUED)

    assert [job.id for job in queued(store)] == ["proof"]


def test_the_latest_missed_tick_is_fired_once_at_a_start_when_asked_for(
    services: Services, store: Store, tmp_path: Path
) -> None:
    publish(store, "add")
    text = '[[schedule]]\nname = "s"\ntask = "add"\nevery = "300d"\nmissed = "latest"\n'

    first = start(services, tmp_path, text)
    wait_for(lambda: queued(store))
    first.term()
    assert first.wait() == 0
    store.run(calls.submit([build_submission(id="proof", delay_seconds=0.3)]))
    start(services, tmp_path, text)
    wait_for(lambda: state_of(store, "proof") is State.QUEUED)

    assert len(queued(store)) == 2


def test_an_outage_of_the_store_is_survived_and_said_once(
    services: Services, store: Store, server: StoreServer, tmp_path: Path
) -> None:
    scheduler = start(services, tmp_path)
    scheduler.wait_for_log("scheduler.started")

    server.kill()
    scheduler.wait_for_log("store.away")
    server.restart()
    scheduler.wait_for_log("store.back")

    store.run(calls.submit([build_submission(id="later", delay_seconds=0.1)]))
    wait_for(lambda: state_of(store, "later") is State.QUEUED)
    assert scheduler.log().count("store.away") == 1
    assert scheduler.log().count("store.back") == 1


def test_a_start_without_a_store_waits_for_it(
    services: Services, store: Store, server: StoreServer, tmp_path: Path
) -> None:
    server.kill()
    scheduler = start(services, tmp_path)
    scheduler.wait_for_log("store.away")

    server.restart()

    scheduler.wait_for_log("store.back")


def test_a_loop_that_fails_goes_on_and_says_why(
    services: Services, store: Store, client: redis.Redis, tmp_path: Path
) -> None:
    client.set(store.keys.lease(), "not a sorted set")
    scheduler = start(services, tmp_path, JOBYARD_LEASE_SECONDS=1)
    scheduler.wait_for_log("loop.failed")

    client.delete(store.keys.lease())
    store.run(calls.submit([build_submission(id="held")]))
    claim_with(store, "dead-1", lease_seconds=1)

    assert "Traceback" in scheduler.log()
    wait_for(lambda: state_of(store, "held") is State.QUEUED)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(
    services: Services, tmp_path: Path, number: signal.Signals
) -> None:
    scheduler = start(services, tmp_path)
    scheduler.wait_for_log("scheduler.started")

    scheduler.send(number)

    assert scheduler.wait() == 0
    assert "scheduler.stopped" in scheduler.log()
    assert "Traceback" not in scheduler.log()
