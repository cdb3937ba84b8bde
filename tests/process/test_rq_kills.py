"""Workers of RQ's command line are killed again and again; what RQ's features promise is kept."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from rq import Queue, Repeat
from rq.rate_limit import RateLimit
from rq.serializers import JSONSerializer

from support import rq_functions
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from rq.job import Job

    from support.ledger import Ledger
    from support.processes import Service, Services
    from support.servers import RawClient, StoreServer

SEED = 4
KILLS = 5
CHAINS = 12
SLOTS = 2


@pytest.mark.slow
def test_chains_of_jobs_survive_the_deaths_of_their_workers(
    services: Services,
    server: StoreServer,
    client: RawClient,
    ledger: Ledger,
    figure: Callable[[str, object], None],
) -> None:
    queue = Queue("q", connection=client, serializer=JSONSerializer)
    limit = RateLimit("pairs", 2)
    jobs = []
    for _ in range(CHAINS):
        first = queue.enqueue(rq_functions.nap, 0.05, repeat=Repeat(times=1))
        second = queue.enqueue(rq_functions.nap, 0.01, depends_on=first)
        third = queue.enqueue(rq_functions.nap, 0.01, rate_limit=limit)
        jobs += [first, second, third]
    draw = random.Random(SEED)

    for _ in range(KILLS):
        worker = start(services, server)
        wait_for_starts(ledger, len(ledger.entries()) + draw.randrange(2, 12))
        worker.kill()
    start(services, server)
    wait_for(lambda: states(jobs) == {"finished"}, 60, lambda: str(states(jobs)))

    runs = ledger.runs()
    assert all(runs[job.id] for job in jobs)
    extra = sum(len(runs[job.id]) for job in jobs) - len(jobs) - CHAINS
    assert 0 <= extra <= KILLS * SLOTS * 2, "what ran, and what had ended unsettled, at a kill"
    assert client.zcard("rq:rl:pairs:allowed") == 0
    figure("kills / lost / run again", f"{KILLS} / 0 / {extra}")


def states(jobs: list[Job]) -> set[str]:
    return {job.get_status().value for job in jobs}


def start(services: Services, server: StoreServer) -> Service:
    return services.start(
        "rq", "worker", "-w", "jobyard_worker.Worker", "--url", server.url, "--with-scheduler",
        "q", JOBYARD_CONCURRENCY=SLOTS, JOBYARD_LEASE_SECONDS=2,
    )  # fmt: skip


def wait_for_starts(ledger: Ledger, lines: int) -> None:
    wait_for(lambda: len(ledger.entries()) >= lines, 60, "nothing runs any more")
