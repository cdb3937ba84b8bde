"""Where Prometheus finds the metrics of a process, and Kubernetes asks for its health.

A thread waits for a connection and does nothing else until there is one.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager, suppress
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from jobyard.observability.logging import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobyard.observability.pages import Pages
    from jobyard.observability.responder import Responder
    from jobyard.observability.values import Source

_log = get_logger(__name__)

_BACKLOG = 16

_MOST_AT_ONCE = 8
"""Connections that are answered at once; others wait for one of these."""

_NO_PAGES: Pages = MappingProxyType({})

_PAUSE_SECONDS = 1.0
"""After a connection that could not be accepted, as no descriptor is free: it is still there."""


@contextmanager
def metrics_served(
    host: str, port: int, sources: Sequence[Source], pages: Pages = _NO_PAGES
) -> Iterator[int | None]:
    """Serves ``GET /metrics``, and ``pages``, while inside, from threads of its own.

    A port that cannot be had is no reason not to work: a line of the log says so.

    Yields:
        The port, or None where nothing is served.
    """
    listener = _listener_at(host, port)
    if listener is None:
        yield None
        return
    chosen = int(listener.getsockname()[1])
    desk = _Desk(listener, sources, pages)
    threading.Thread(target=desk.serve, name="metrics", daemon=True).start()
    _log.info("metrics.started", host=host, port=chosen)
    try:
        yield chosen
    finally:
        desk.close()


def _listener_at(host: str, port: int) -> socket.socket | None:
    try:
        return _listen(host, port)
    except OSError as error:
        _log.warning(
            "metrics.not_served",
            host=host,
            port=port,
            reason=f"{error}. Set JOBYARD_METRICS_PORT to another port, or to 0 for any free one; "
            "JOBYARD_METRICS_HOST is the address",
        )
        return None


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.create_server(
        (host, port),
        family=socket.AF_INET6 if ":" in host else socket.AF_INET,
        backlog=_BACKLOG,
        dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
    )
    if hasattr(os, "register_at_fork"):
        # What a task forks must not keep the port when this process is gone.
        os.register_at_fork(after_in_child=listener.close)
    return listener


def _close(listener: socket.socket) -> None:
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)  # on Linux only that wakes who waits in accept
    listener.close()


class _Desk:
    """Takes connections. Each has a thread: one that is silent keeps no probe waiting."""

    def __init__(self, listener: socket.socket, sources: Sequence[Source], pages: Pages) -> None:
        self._listener = listener
        self._stopping = threading.Event()
        self._free = threading.Semaphore(_MOST_AT_ONCE)
        self._responder_of = cache(partial(_responder_of, sources, pages))

    def serve(self) -> None:
        """Until it is closed."""
        while not self._stopping.is_set():
            try:
                arguments = self._listener.accept()
            except OSError as error:
                self._pause(error)
                continue
            self._free.acquire()
            threading.Thread(
                target=self._answer, args=arguments, name="scrape", daemon=True
            ).start()

    def close(self) -> None:
        """No connection is taken any more."""
        self._stopping.set()
        _close(self._listener)

    def _pause(self, error: OSError) -> None:
        if not self._stopping.is_set():
            _log.warning("metrics.not_answered", reason=str(error))
            self._stopping.wait(_PAUSE_SECONDS)

    def _answer(self, connection: socket.socket, client: object) -> None:
        try:
            with connection:
                self._responder_of().answer(connection, client)
        except OSError:
            pass  # the client went away
        except Exception:  # noqa: BLE001 - one scrape that fails must not end the next ones
            _log.exception("metrics.failed")
        finally:
            self._free.release()


def _responder_of(sources: Sequence[Source], pages: Pages) -> Responder:
    from jobyard.observability.responder import Responder  # noqa: PLC0415 - as its head says

    return Responder(sources, pages)
