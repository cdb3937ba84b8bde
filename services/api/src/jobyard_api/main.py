"""``jobyard-api``: reads the settings, binds the address, serves until it is told to stop."""

from __future__ import annotations

import argparse
import errno
import gc
import logging
import signal
import socket
import sys
from typing import TYPE_CHECKING

from typing_extensions import override

from jobyard.connection import connect_async, describe
from jobyard.errors import ConfigurationError
from jobyard.observability.endpoint import metrics_served
from jobyard.observability.health import health_pages
from jobyard.observability.logging import configure_logging, get_logger
from jobyard.observability.tracing import sent, start_tracing
from jobyard.settings import help_of
from jobyard_api import __version__
from jobyard_api.access.mode import refuse_to_stand_open
from jobyard_api.application import create_app
from jobyard_api.middleware.traffic import Traffic
from jobyard_api.serving import Server
from jobyard_api.settings import ApiSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobyard.observability.tracer import Tracer

WRONG_SETTINGS = 2
BACKLOG = 2048

_COLLECTIONS = (20_000, 20, 100)
"""Objects until the collector looks at new ones, and how often it looks at older ones."""

_log = get_logger("jobyard_api")

__all__ = ["create_app", "main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command. Exits with 2 and one line when settings or the address do not work."""
    try:
        settings = _settings(parser().parse_args(arguments))
        connect_async(settings)  # reads the URL and opens nothing
        refuse_to_stand_open(settings)
        tracer = start_tracing("api")
        listener = bind(settings)
    except ConfigurationError as error:
        print(f"jobyard-api: {error}", file=sys.stderr)  # noqa: T201 - a command's last word
        sys.exit(WRONG_SETTINGS)
    serve(settings, listener, tracer)


def bind(settings: ApiSettings) -> socket.socket:
    """The listening socket.

    Raises:
        ConfigurationError: The address is taken or is none of this machine's.
    """
    host, port = settings.api_host, settings.api_port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"port {port} on {host} is in use. Stop what uses it, or choose another with "
                "--port or JOBYARD_API_PORT."
            ) from None
        raise ConfigurationError(
            f"cannot listen on {host}:{port} ({error.strerror or error}). Check --host and "
            "--port, or JOBYARD_API_HOST and JOBYARD_API_PORT."
        ) from None


def serve(settings: ApiSettings, listener: socket.socket, tracer: Tracer | None) -> None:
    """Serves until SIGTERM or SIGINT; requests under way are finished."""
    configure_logging("api", settings)
    _hush_server()
    traffic = Traffic()
    app = create_app(settings, traffic, tracer)
    server, health = _Server(app, settings), app.state.health
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    host, port = listener.getsockname()[:2]
    pages = health_pages(health.live, health.ready)
    served = metrics_served(settings.metrics_host, settings.metrics_port, traffic.sources, pages)
    with sent(tracer), served:
        _log.info("api.started", url=f"http://{host}:{port}", store=describe(settings.redis_url))
        server.run(sockets=[listener])
    _log.info("api.stopped")


class _Server(Server):
    """The server; what it has made by the time it is ready stays for good."""

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _keep_what_is_there()


def _keep_what_is_there() -> None:
    """The collector need not look at some 200 000 objects again, which takes it 60 ms.

    What requests leave behind is freed by its reference count, nearly all of it: the collector may
    look less often as well. Both together halve a busy process's longest waits.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTIONS)


def _hush_server() -> None:
    """What the server says of its start and end, ``api.started`` and ``api.stopped`` say too."""
    logging.getLogger("uvicorn.error").addFilter(_with_news_as_debug)


def _with_news_as_debug(record: logging.LogRecord) -> bool:
    if record.levelno == logging.INFO:
        record.levelno = logging.DEBUG
    return True


def parser() -> argparse.ArgumentParser:
    """What the command takes; its help lists the settings as well."""
    found = argparse.ArgumentParser(
        prog="jobyard-api",
        description="Jobyard's REST API.",
        epilog=help_of(ApiSettings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--host", help="address to listen on (JOBYARD_API_HOST, 127.0.0.1)")
    found.add_argument("--port", help="port to listen on (JOBYARD_API_PORT, 8000; 0 = any)")
    found.add_argument("--version", action="version", version=f"jobyard-api {__version__}")
    return found


def _settings(options: argparse.Namespace) -> ApiSettings:
    given = {"api_host": options.host, "api_port": options.port}
    return ApiSettings.load(**{name: value for name, value in given.items() if value is not None})


if __name__ == "__main__":
    main()
