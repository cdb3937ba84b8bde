"""Server-sent events as a client sees them: a parser by the book, and a connection to read from."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx


@dataclass(frozen=True)
class Event:
    """One event that a client would be told of."""

    kind: str
    data: Any
    id: str

    @property
    def what(self) -> str:
        """The state that it tells of, else its kind."""
        found: str = self.data.get("state", self.kind)
        return found


@dataclass
class Parser:
    """Takes lines (WHATWG HTML, section 9.2.6); ``last_id`` is where a client would go on."""

    last_id: str = ""
    retry_ms: int | None = None
    comments: int = 0
    _kind: str = ""
    _data: list[str] = field(default_factory=list)

    def line(self, text: str) -> Event | None:
        """The event that ends with this line."""
        if not text:
            return self._dispatch()
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            self.last_id = value
        elif name == "event":
            self._kind = value
        elif name == "data":
            self._data.append(value)
        elif name == "retry":
            self.retry_ms = int(value)
        elif not name:
            self.comments += 1
        return None

    def _dispatch(self) -> Event | None:
        kind, data = self._kind or "message", "\n".join(self._data)
        self._kind, self._data = "", []
        return Event(kind, json.loads(data), self.last_id) if data else None


class EventStream:
    """One open stream; ``next`` waits for an event, ``rest`` for its end."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.parser = Parser()
        self._lines = response.iter_lines()

    def next(self) -> Event:
        """The next event.

        Raises:
            StopIteration: The stream has ended.
        """
        while True:
            if event := self.parser.line(next(self._lines)):
                return event

    def some(self, count: int) -> list[Event]:
        """As many events."""
        return [self.next() for _ in range(count)]

    def rest(self) -> list[Event]:
        """All events until the end of the stream."""
        return [event for line in self._lines if (event := self.parser.line(line))]

    def until_comment(self) -> None:
        """Waits for a heartbeat."""
        before = self.parser.comments
        while self.parser.comments == before:
            assert self.parser.line(next(self._lines)) is None


@contextlib.contextmanager
def event_stream(
    client: httpx.Client, path: str, last_id: str | None = None, **params: Any
) -> Iterator[EventStream]:
    """Opens a stream, as a client that has seen ``last_id``."""
    headers = {"Last-Event-ID": last_id} if last_id is not None else {}
    with client.stream("GET", path, headers=headers, params=params) as response:
        if response.status_code != 200:
            response.read()
        yield EventStream(response)
