"""Reads one request on the metrics port and answers it: a page, or the metrics.

Imported by ``endpoint.py`` for the first connection; the metrics, and with them the Prometheus
client, for the first scrape: a process that is only probed spends no memory on it.
"""

from __future__ import annotations

from functools import cached_property
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jobyard.observability.pages import page_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from jobyard.observability.exposition import Exposition
    from jobyard.observability.pages import Answer, Pages
    from jobyard.observability.values import Source

PATH = "/metrics"

_REQUEST_SECONDS = 5.0
"""A client that asks slower, or does not read, is given up."""


class Responder:
    """All that one process answers."""

    def __init__(self, sources: Sequence[Source], pages: Pages) -> None:
        self.pages = pages
        self._sources = sources

    @cached_property
    def exposition(self) -> Exposition:
        """The metrics; made for the first scrape."""
        from jobyard.observability.exposition import Exposition  # noqa: PLC0415 - as its head says

        return Exposition(self._sources)

    def answer(self, connection: socket.socket, client: object) -> None:
        """Reads one request and answers it.

        Raises:
            OSError: The client went away.
        """
        _Handler(self, connection, client, None)


class _Handler(BaseHTTPRequestHandler):
    timeout = _REQUEST_SECONDS

    def __init__(self, responder: Responder, *arguments: Any) -> None:
        self._responder = responder
        super().__init__(*arguments)

    def do_GET(self) -> None:
        path, query = urlsplit(self.path)[2:4]
        if path == PATH:
            accepted = (self.headers.get(name, "") for name in ("Accept", "Accept-Encoding"))
            self._send(*self._responder.exposition.answer(query, *accepted))
        elif page := page_of(self._responder.pages, path):
            answer: Answer = page(path)
            self._send(answer.status, [("Content-Type", answer.content_type)], answer.body)
        else:
            paths = ", ".join((PATH, *self._responder.pages))
            self.send_error(404, explain=f"There is {paths}.")

    def _send(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for header in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)

    def log_message(  # type: ignore[explicit-override]  # typing.override comes with Python 3.12
        self,
        format: str,  # noqa: A002 - the standard library's name
        *args: Any,
    ) -> None:
        """A probe every few seconds is no news."""

    def version_string(self) -> str:  # type: ignore[explicit-override]  # as above
        return "jobyard"
