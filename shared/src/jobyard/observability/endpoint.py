"""Where Prometheus finds the metrics of a process. Worker and scheduler serve them.

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
    from collections.abc import Callable, Iterator, Sequence

    from jobyard.observability.exposition import Exposition
    from jobyard.observability.pages import Pages
    from jobyard.observability.values import Source

_log = get_logger(__name__)

_BACKLOG = 16

_NO_PAGES: Pages = MappingProxyType({})

_PAUSE_SECONDS = 1.0
"""After a connection that could not be accepted, as no descriptor is free: it is still there."""


@contextmanager
def metrics_served(
    host: str, port: int, sources: Sequence[Source], pages: Pages = _NO_PAGES
) -> Iterator[int | None]:
    """Serves ``GET /metrics`` while inside, from a thread of its own, one request at a time.

    ``pages`` are served beside it; none of them may block.

    A port that cannot be had is no reason not to work: a line of the log says so.

    Yields:
        The port, or None where nothing is served.
    """
    listener = _listener_at(host, port)
    if listener is None:
        yield None
        return
    stopping, chosen = threading.Event(), int(listener.getsockname()[1])
    arguments = (listener, stopping, sources, pages)
    threading.Thread(target=_serve, args=arguments, name="metrics", daemon=True).start()
    _log.info("metrics.started", host=host, port=chosen)
    try:
        yield chosen
    finally:
        stopping.set()
        _close(listener)


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


def _serve(
    listener: socket.socket, stopping: threading.Event, sources: Sequence[Source], pages: Pages
) -> None:
    exposition_of = cache(partial(_exposition_of, sources, pages))
    while not stopping.is_set():
        try:
            connection, client = listener.accept()
        except OSError as error:
            _pause(stopping, error)
            continue
        _answer(exposition_of, connection, client)


def _pause(stopping: threading.Event, error: OSError) -> None:
    if not stopping.is_set():
        _log.warning("metrics.not_answered", reason=str(error))
        stopping.wait(_PAUSE_SECONDS)


def _exposition_of(sources: Sequence[Source], pages: Pages) -> Exposition:
    from jobyard.observability.exposition import Exposition  # noqa: PLC0415 - as its head says

    return Exposition(sources, pages)


def _answer(
    exposition_of: Callable[[], Exposition], connection: socket.socket, client: object
) -> None:
    try:
        with connection:
            exposition_of().answer(connection, client)
    except OSError:
        pass  # the client went away
    except Exception:  # noqa: BLE001 - one scrape that fails must not end the next ones
        _log.exception("metrics.failed")
