"""One worker process works off what waits: how fast, and what each job takes of the processor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab import wait_until
from usage import processor, tree_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab import Lab
    from support.processes import Service

_WARM_SHARE = 0.05
"""Of the jobs; the start of the process does not count."""


@dataclass(frozen=True)
class Run:
    """One measurement: jobs a second, and microseconds of processor time a job."""

    rate: float
    worker_us: float
    server_us: float


def rate(lab: Lab, start: Callable[[], Service], finished: Callable[[], int], jobs: int) -> Run:
    """From the first twentieth of ``jobs`` to the last one; ``start`` starts who works them off."""
    with start() as service:
        try:
            return _watch(lab, service, finished, jobs)
        except TimeoutError:
            print(service.log()[-4000:])
            raise


def _watch(lab: Lab, service: Service, finished: Callable[[], int], jobs: int) -> Run:
    first, began = wait_until(finished, max(int(jobs * _WARM_SHARE), 1))
    pids, server = tree_of(service), [lab.server.pid]
    worker_before, server_before = processor(pids), processor(server)
    last, ended = wait_until(finished, jobs)
    worker, store = processor(pids) - worker_before, processor(server) - server_before
    done = last - first
    return Run(done / (ended - began), worker.total / done * 1e6, store.total / done * 1e6)
