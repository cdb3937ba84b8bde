"""A replica takes over as primary under load, as planned and by force: everybody follows it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import pytest

from conftest import require, service_environment
from support.load import Load
from support.processes import Services
from support.rest import Rest
from support.sentinel import Pair
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from support.ledger import Ledger
    from support.servers import Engine

pytestmark = [pytest.mark.both_engines, pytest.mark.slow]

DOWN_AFTER_SECONDS = 2.0
JOB_SECONDS = 0.3
"""So long that jobs come faster than the slots can do them: all of them get busy."""
LEASE = {"JOBYARD_LEASE_SECONDS": 5}
SLOTS = 8
SECONDS = 60
"""Until the services have followed; a failover itself takes a few."""


@pytest.fixture
def pair(engine: Engine, tmp_path: Path) -> Iterator[Pair]:
    require(engine)
    with Pair(engine, tmp_path, down_after_seconds=DOWN_AFTER_SECONDS) as pair:
        yield pair


@pytest.fixture
def yard(pair: Pair, ledger: Ledger, tmp_path: Path) -> Iterator[Yard]:
    services = Services(tmp_path, service_environment(pair.url, ledger))
    with ExitStack() as closing:
        closing.callback(services.end)
        yield Yard(services, closing.enter_context(Rest(services)), ledger)


def test_a_planned_failover_loses_nothing(
    pair: Pair, yard: Yard, ledger: Ledger, figure: Callable[[str, object], None]
) -> None:
    with Load(yard.rest, JOB_SECONDS) as load:
        yard.wait_until_all_slots_are_busy(load)

        began = time.monotonic()
        pair.hand_over()
        waited = yard.wait_until_followed(pair, load) - began

        load.stop()
        yard.wait_until_done(load.acknowledged)
        yard.wait_until_done(ledger.started())

    yard.verify_nobody_left_or_was_reaped(load)
    assert not ledger.repeated()
    figure("acknowledged / lost, planned failover", f"{len(load.acknowledged)} / 0")
    figure("planned failover: jobs run twice", 0)
    figure("planned failover: answers 503 with Retry-After", len(load.refusals))
    figure("planned failover: seconds until a submission is acknowledged again", waited)


def test_what_the_replica_has_outlives_the_primary(
    pair: Pair, yard: Yard, ledger: Ledger, figure: Callable[[str, object], None]
) -> None:
    with Load(yard.rest, JOB_SECONDS) as load:
        yard.wait_until_all_slots_are_busy(load)
        replicated = list(load.acknowledged)
        pair.replicate()

        pair.primary.kill()
        began = time.monotonic()
        wait_for(lambda: load.refusals, SECONDS)
        late = load.acknowledged[len(replicated) :]
        waited = yard.wait_until_followed(pair, load) - began

        load.stop()
        promised = set(load.acknowledged) - set(late)
        yard.wait_until_done(promised)

    yard.verify_nobody_left_or_was_reaped(load)
    figure("acknowledged and replicated / lost, primary killed", f"{len(promised)} / 0")
    figure(
        "primary killed: acknowledged within the last moments / lost",
        f"{len(late)} / {len(set(late) - ledger.ended())}",
    )
    figure("primary killed: jobs run twice", len(ledger.repeated()))
    figure("primary killed: answers 503 with Retry-After", len(load.refusals))
    figure("primary killed: seconds until a submission is acknowledged again", waited)


class Yard:
    """A busy worker, an idle one that waits for its first job, a scheduler, and an API."""

    def __init__(self, services: Services, rest: Rest, ledger: Ledger) -> None:
        self.rest = rest
        self.ledger = ledger
        slots = {"JOBYARD_CONCURRENCY": SLOTS, **LEASE}
        self.services = [
            services.start("jobyard-worker", JOBYARD_QUEUES="q", **slots),
            services.start("jobyard-worker", JOBYARD_QUEUES="quiet", **slots),
            services.start("jobyard-scheduler", JOBYARD_NOTIFICATIONS="false", **LEASE),
            rest.service,
        ]
        rest.wait_for_task("sleeper")
        for service in self.services[:2]:
            service.wait_for_log("worker.started")

    def wait_until_all_slots_are_busy(self, load: Load) -> None:
        """And some more jobs wait."""
        wait_for(lambda: len(load.acknowledged) >= 50 and self.ledger.ended())
        wait_for(lambda: self._running() == SLOTS, interval_seconds=0)

    def wait_until_followed(self, pair: Pair, load: Load) -> float:
        """Returns when the first submission was acknowledged by the new primary.

        The scheduler follows as well, or nobody would promote the delayed job, and the idle
        worker, as the job is in its queue.
        """
        wait_for(lambda: pair.has_switched, SECONDS)
        before = len(load.acknowledged)
        wait_for(lambda: len(load.acknowledged) > before, SECONDS, self._logs, 0)
        followed = time.monotonic()
        wait_for(lambda: len(load.acknowledged) >= before + 50, SECONDS, self._logs)
        job = {"task": "noop", "queue": "quiet", "delay_seconds": 0.5}
        delayed = self.rest.post("/v1/jobs", job).json()["id"]
        wait_for(lambda: delayed in self.ledger.ended(), SECONDS, self._logs)
        return followed

    def wait_until_done(self, job_ids: Iterable[str]) -> None:
        """All of them ran to their end, and the store says that they succeeded."""
        left = set(job_ids)
        wait_for(lambda: left <= self.ledger.ended(), SECONDS, self._logs)
        for job_id in left:
            wait_for(partial(self._has_succeeded, job_id), SECONDS, self._logs)

    def verify_nobody_left_or_was_reaped(self, load: Load) -> None:
        """And every submission that was not taken was answered as one that may be repeated."""
        assert all(service.is_running for service in self.services)
        assert not [service.command for service in self.services if "lease.lost" in service.log()]
        assert "reaper.reaped" not in self._logs()
        assert {reply.status_code for reply in load.refusals} <= {503}
        assert all("retry-after" in reply.headers for reply in load.refusals)

    def _running(self) -> int:
        return len(self.ledger.started() - self.ledger.ended())

    def _has_succeeded(self, job_id: str) -> bool:
        return bool(self.rest.job(job_id)["state"] == "succeeded")

    def _logs(self) -> str:
        return "\n".join(f"{each.command}:\n{each.log()[-3000:]}" for each in self.services)
