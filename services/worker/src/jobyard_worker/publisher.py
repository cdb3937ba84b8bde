"""Tells the store which tasks and queues a worker has: ``jobyard-worker --publish`` does only that.

For pools without pods: their tasks are known before the first of their jobs wakes one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jobyard.catalogue import record_of
from jobyard.connection import connect
from jobyard.errors import StoreUnavailableError
from jobyard.observability.logging import get_logger
from jobyard.registry import discover
from jobyard.store import Store, calls
from jobyard_worker.identity import new_worker_name
from jobyard_worker.link import Link

if TYPE_CHECKING:
    from jobyard.registry import Registry
    from jobyard_worker.settings import WorkerSettings

_log = get_logger(__name__)


def publish(settings: WorkerSettings) -> None:
    """Does what a worker does at its start and at its end, with no job in between.

    Waits for a store that is away. May be done again at any time, and beside workers.

    Raises:
        ConfigurationError: A module of tasks cannot be imported, or the store's URL not be read.
    """
    registry = discover(settings.task_modules)
    settings = settings.with_queues_of(registry)
    link, name = Link(Store(connect(settings), settings.keys)), new_worker_name()
    while not _is_published(name, settings, registry, link):
        time.sleep(link.wait_seconds)
    link.store.close()
    _log.info(
        "worker.published",
        pool=settings.pool,
        queues=",".join(settings.queues),
        tasks=len(registry.tasks()),
    )


def introduce(
    name: str, settings: WorkerSettings, registry: Registry, store: Store, *, slots: int
) -> None:
    """Begins a lease, and publishes tasks and queues under it.

    Raises:
        StoreUnavailableError: The store cannot serve now; all of it may be repeated.
    """
    records = [record_of(task, settings) for task in registry.tasks()]
    store.run(
        calls.join(
            name,
            pool=settings.pool,
            slots=slots,
            lease_seconds=settings.lease_seconds,
            queues=settings.queues,
        )
    )
    store.run(calls.publish_tasks(records, worker=name))


def _is_published(name: str, settings: WorkerSettings, registry: Registry, link: Link) -> bool:
    try:
        link.attempt(introduce, name, settings, registry, link.store, slots=0)
        link.run(calls.leave(name))
    except StoreUnavailableError:
        return False  # the link says so, and keeps the pauses
    return True
