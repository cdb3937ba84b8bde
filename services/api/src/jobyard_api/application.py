"""Builds the application: the core in its lifespan, middleware, routes, errors, OpenAPI."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from typing_extensions import override

from jobyard.catalogue import record_of
from jobyard.connection import connect_async
from jobyard.registry import BUILT_IN, discover
from jobyard.store import AsyncStore
from jobyard_api import __version__, middleware, problems, routes
from jobyard_api.access import Access
from jobyard_api.admission import Admission
from jobyard_api.catalogue import Catalogue
from jobyard_api.events.hub import Hub
from jobyard_api.events.streams import Streams
from jobyard_api.health import Health
from jobyard_api.json_size import Bounds
from jobyard_api.middleware.envelope import Envelope
from jobyard_api.middleware.traffic import Traffic
from jobyard_api.openapi import SUMMARY, document
from jobyard_api.own_level import follow_level
from jobyard_api.routes import classic
from jobyard_api.serving.drain import Drain
from jobyard_api.yard import Yard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import ASGIApp

    from jobyard.observability.tracer import Tracer
    from jobyard.store.records.catalogue import TaskRecord
    from jobyard_api.settings import ApiSettings


def create_app(
    settings: ApiSettings, traffic: Traffic | None = None, tracer: Tracer | None = None
) -> FastAPI:
    """The application; it opens nothing before its lifespan begins.

    ``traffic`` counts, ``tracer`` records; without it there are no traces.

    Raises:
        ConfigurationError: The settings bring a key that cannot be used.
    """
    access, traffic = Access(settings), traffic or Traffic()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running_yard(settings, access, app.state.drain, traffic, tracer) as yard:
            app.state.yard = yard
            app.state.health.begin(yard, app.state.drain)
            yield
            app.state.health.end()

    app = _Application(
        title="Jobyard",
        summary=SUMMARY,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # a route of ours, for those who may see it
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # Jobyard has its own
        lifespan=lifespan,
    )
    app.state.drain, app.state.health = Drain(), Health()
    app.state.bounds = Bounds(
        settings.max_json_depth, settings.max_json_values, settings.max_json_keys
    )
    app.state.access = access
    app.state.path_prefix = settings.path_prefix
    app.state.traffic = traffic
    middleware.install(app, settings, access, traffic, tracer)
    problems.install(app)
    routes.install(app)
    app.openapi = document(app, lambda: built_in_tasks(settings))  # type: ignore[method-assign]  # the framework's documented way
    return app


class _Application(FastAPI):
    @override
    def build_middleware_stack(self) -> ASGIApp:
        """Leaves out what the framework puts around ours: each layer takes a request its time.

        It is an error handler, as ``Envelope`` is one, traces and a limit that are not turned on.
        """
        layer: Any = super().build_middleware_stack()
        while not isinstance(layer, Envelope):
            layer = layer.app
        return layer


@contextlib.asynccontextmanager
async def running_yard(
    settings: ApiSettings,
    access: Access,
    drain: Drain,
    traffic: Traffic,
    tracer: Tracer | None = None,
) -> AsyncIterator[Yard]:
    """The core over an open store, with the catalogue kept fresh; closes both.

    When ``drain`` is over, whoever still waits for something to happen is answered.
    """
    client = connect_async(settings)
    store = AsyncStore(client, settings.keys, seconds=settings.redis_timeout_seconds)
    queues = None if settings.any_queue else classic.QUEUES
    catalogue = Catalogue(store, built_in_tasks(settings), queues)
    refresher = asyncio.create_task(catalogue.keep_fresh())
    hub = Hub(store)
    ending = asyncio.create_task(_end_after(drain, hub))
    leveling = asyncio.create_task(follow_level(store, settings.log_level))
    streams = Streams(
        hub,
        store,
        heartbeat_seconds=settings.events_heartbeat_seconds,
        lifetime_seconds=settings.events_lifetime_seconds,
    )
    admission = Admission.of(settings)
    admission.waiting_limit_of = access.keyring.waiting_limit_of
    try:
        async with access.running(store):
            yield yard_with(tracer)(
                store,
                catalogue,
                admission,
                streams,
                traffic.submissions,
                max_payload_bytes=settings.max_payload_bytes,
                large_bytes=settings.large_bytes,
            )
    finally:
        await hub.close()
        running = (refresher, ending, leveling)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await store.close()


def yard_with(tracer: Tracer | None) -> Callable[..., Yard]:
    """The core, or one that records what it does."""
    if tracer is None:
        return Yard
    from jobyard_api.traced_yard import TracedYard  # noqa: PLC0415 - where traces are asked for

    return partial(TracedYard, tracer)


async def _end_after(drain: Drain, hub: Hub) -> None:
    await drain.over()
    hub.end()


def built_in_tasks(settings: ApiSettings) -> list[TaskRecord]:
    """The tasks in this process's own image."""
    found = discover(()).tasks()  # in a process that imported others, these too
    built_in = (task for task in found if task.function.__module__.startswith(f"{BUILT_IN}."))
    return [record_of(task, settings) for task in built_in]
