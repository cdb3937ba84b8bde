"""One client's connection: uvicorn's protocol with bounds on the head, and on every wait.

uvicorn on httptools bounds neither the bytes of a head nor the time that a request takes to
arrive, and never gives up on a client that does not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httptools
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError
from jobyard_api.serving.broken_off import BROKEN_OFF
from jobyard_api.serving.head import fault_of, is_larger
from jobyard_api.serving.lingering import LingeringTransport
from jobyard_api.serving.pace import Reader
from jobyard_api.serving.refusal import refusal_of, response_of
from jobyard_api.serving.upgrade import body_parser, has_body

if TYPE_CHECKING:
    from jobyard_api.serving.drain import Drain
    from jobyard_api.serving.limits import Limits

LINGER_SECONDS = 2.0
"""So long what is still sent is thrown away, for the client to read why it was refused."""


class Connection(HttpToolsProtocol):
    """Refuses heads that are too large, and is cut by ``tend`` when its client is too slow."""

    def __init__(self, *arguments: Any, limits: Limits, drain: Drain, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limits = limits
        self._drain = drain
        self._reader = Reader(limits.send_seconds)
        self._is_in_head = False
        self._is_complete = True
        self._is_refused = False
        self._since = self.loop.time()
        self._chunk_bytes = 0
        self._idle_bytes = 0
        """Of a head, or of trailers: what came since the request began or went on."""
        self._goes_on = False

    @override
    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._is_refused:
            return
        self._chunk_bytes = len(data)
        self._goes_on = False
        try:
            self.parser.feed_data(data)
        except RefusalError as error:
            self._refuse(error)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, RefusalError) else refusal_of(Code.BAD_REQUEST))
        else:
            self._count(len(data))

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = self._goes_on = True
        self._is_complete = False
        self._since = self.loop.time()

    @override
    def on_headers_complete(self) -> None:
        self._check_head()
        self._is_in_head = False
        super().on_headers_complete()
        # Who was answered before he sent the body he announced may send it or not (RFC 9110,
        # 10.1.1): the next bytes could be either, so no request follows on this connection.
        if self._drain.is_begun or self.expect_100_continue or self.parser.should_upgrade():
            self._end_with_answer()

    @override
    def on_body(self, body: bytes) -> None:
        self._goes_on = True
        super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        if self.parser.should_upgrade() and has_body(self.headers):
            return  # the parser skips it
        super().on_message_complete()
        self._is_complete = True

    @override
    def on_response_complete(self) -> None:
        if self._is_complete:
            self._since = self.loop.time()
        super().on_response_complete()

    @override
    def shutdown(self) -> None:
        """Ends the connection when it is idle, else after the request that is on its way."""
        if not self._is_in_head:
            super().shutdown()

    def tend(self, now: float) -> None:
        """Cuts the connection when its client keeps it waiting for too long. Called regularly."""
        if self._reader.stands_still(self.transport.get_write_buffer_size(), now):
            self.transport.abort()
        elif self._is_refused:
            if now - self._since > LINGER_SECONDS and not self._is_answering():
                self.transport.abort()
        elif self.flow.read_paused:
            self._since = now  # it is us who do not read
        elif self._is_late(now - self._since):
            self._cut()

    def _is_late(self, waited: float) -> bool:
        if not self._is_complete or self.cycle is None:
            return waited > self._limits.receive_seconds
        return self.cycle.response_complete and waited > self._limits.keep_alive_seconds + 1

    def _cut(self) -> None:
        if self._is_complete or not (self._is_in_head or self._is_awaited()):
            self.transport.abort()
        else:
            self._refuse(refusal_of(Code.REQUEST_TIMEOUT, self._limits.receive_seconds))

    def _refuse(self, error: RefusalError) -> None:
        """Ends the connection with a problem, once; what the client still sends is not looked at.

        The application answers where it waits for the rest of a body, as it answers all else. Where
        it answers an earlier request, that answer is the last. Elsewhere the server does it itself.
        """
        self._is_refused = True
        self._since = self.loop.time()
        if not self._is_answering():
            self.transport.write(response_of(error))
            self.transport.write_eof()
            return
        self._end_with_answer()
        if not self._is_in_head and self._is_awaited():
            scope: dict[str, Any] = self.cycle.scope  # type: ignore[assignment]  # a key of ours
            scope[BROKEN_OFF] = error
            self.cycle.message_event.set()

    def _end_with_answer(self) -> None:
        lingering: Any = LingeringTransport(self.transport, self._is_closed_early)
        self.cycle.transport = lingering
        self.cycle.keep_alive = False

    def _is_closed_early(self) -> bool:
        """Our half is to be closed; whether the client has not finished its own."""
        self._is_refused = self._is_refused or not self._is_complete
        self._since = self.loop.time()
        return self._is_refused

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _is_awaited(self) -> bool:
        """Whether the application may still ask for more of the body."""
        return self.cycle is not None and not self.cycle.response_started

    def _check_head(self) -> None:
        limits = self._limits
        version = self.parser.get_http_version()
        fault = fault_of(version, self.url, self.headers, limits)
        may_be_large = self._idle_bytes + self._chunk_bytes > limits.head_bytes
        if may_be_large and is_larger(self.url, self.headers, limits.head_bytes):
            fault = Code.HEADERS_TOO_LARGE
        if fault is not None:
            raise refusal_of(fault, limits.head_bytes)

    def _count(self, received: int) -> None:
        """Bounds what neither begins a request nor is a part of its body: the rest is kept."""
        if self._is_complete:
            self._idle_bytes = 0
            return
        self._idle_bytes = 0 if self._goes_on else self._idle_bytes + received
        has_many = len(self.headers) > self._limits.headers  # its trailers are among them
        if has_many or self._idle_bytes > self._limits.head_bytes:
            self._refuse(refusal_of(Code.HEADERS_TOO_LARGE, self._limits.head_bytes))

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        if has_body(self.headers):
            self.parser = body_parser(self.headers, self)
            if rest:
                self.data_received(rest)


def connections_of(found: set[Any]) -> list[Connection]:
    """Those of a server's connections that are ours."""
    return [connection for connection in found if isinstance(connection, Connection)]
