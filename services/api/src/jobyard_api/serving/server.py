"""uvicorn, told what to allow, and taught to leave in an orderly way.

At SIGTERM: ``/readyz`` says 503 while requests are served as before, each on a connection that ends
with it; after the drain's time no more are taken, those under way are finished, and the process
ends. A second SIGTERM changes nothing. SIGINT (somebody's Ctrl-C) leaves out the drain's time.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
from typing import TYPE_CHECKING, Any

import uvicorn
from typing_extensions import override

from jobyard.observability.logging import get_logger
from jobyard_api.serving.connection import Connection
from jobyard_api.serving.limits import limits_of
from jobyard_api.serving.watchman import watch

if TYPE_CHECKING:
    import socket
    from types import FrameType

    from fastapi import FastAPI

    from jobyard_api.settings import ApiSettings

_log = get_logger("jobyard_api")


def server_config(app: FastAPI, settings: ApiSettings) -> uvicorn.Config:
    """How uvicorn runs the application."""
    protocol: Any = functools.partial(Connection, limits=limits_of(settings), drain=app.state.drain)
    return uvicorn.Config(
        app,
        http=protocol,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        # Never from the environment, where uvicorn looks, and never a machine that is not named.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
    )


class Server(uvicorn.Server):
    """Serves the application until it is told to stop."""

    def __init__(self, app: FastAPI, settings: ApiSettings) -> None:
        super().__init__(server_config(app, settings))
        self._drain = app.state.drain
        self._drain_seconds = settings.drain_seconds
        self._limits = limits_of(settings)
        self._is_told = False
        self._told_at = 0.0
        self._watch: asyncio.Task[None] | None = None

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came. Only noted: it may have come in the middle of anything."""
        self._is_told = True
        if sig == signal.SIGINT:
            self._drain_seconds = 0.0

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._watch = asyncio.create_task(watch(self.server_state, self._limits))

    @override
    async def on_tick(self, counter: int) -> bool:
        """Every tenth of a second: begins the drain, and ends it when its time is over."""
        if self._is_told and self._leaves():
            self.should_exit = True
        return await super().on_tick(counter)

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._drain.end()
        try:
            await super().shutdown(sockets)
        finally:
            if self._watch is not None:
                self._watch.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._watch

    def _leaves(self) -> bool:
        now = asyncio.get_running_loop().time()
        if not self._drain.is_begun:
            self._drain.begin()
            self._told_at = now
            if self._drain_seconds:
                _log.info("api.draining", seconds=self._drain_seconds)
        return now >= self._told_at + self._drain_seconds
