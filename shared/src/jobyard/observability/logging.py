"""Logs: one event a line on stderr, as JSON or for people. Every process configures it once."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

import structlog
from pydantic_core import PydanticSerializationError, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

MAX_TRACEBACK_CHARACTERS = 16_384

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_HEAD = frozenset({"timestamp", "level", "event", "exception"})


class LogSettings(Protocol):
    """The part of ``jobyard.settings.Settings`` that logging reads."""

    @property
    def log_format(self) -> str:
        """``json`` or ``console``."""
        ...

    @property
    def log_level(self) -> str:
        """``debug``, ``info``, ``warning`` or ``error``."""
        ...


def configure_logging(service: str, settings: LogSettings, stream: BinaryIO | None = None) -> None:
    """Sends all logs of this process, also those of libraries, to ``stream`` (stderr).

    Args:
        service: The process's name in each JSON line, as in ``worker``.
        settings: Format and level.
        stream: Takes one ``write`` and one ``flush`` a line.
    """
    level = _LEVELS[settings.log_level]
    structlog.configure(
        processors=_processors(service, settings.log_format),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=partial(_Lines, stream or sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    _take_over_stdlib(level)


def get_logger(name: str) -> FilteringBoundLogger:
    """The logger of the module ``name``; it is made ready at its first event."""
    return cast("FilteringBoundLogger", structlog.get_logger(name))


log_context: ContextVar[Mapping[str, object]] = ContextVar("log_context", default={})  # noqa: B039 - nobody changes it
"""What all events say that are logged in this context, as in the request under way: set once, and
read only where something is logged."""

_Gathered = list[tuple[BinaryIO, bytes]]
_GATHERED: ContextVar[_Gathered | None] = ContextVar("gathered", default=None)


@contextmanager
def lines_together() -> Iterator[None]:
    """What is logged inside is written at its end, in one: a write costs more than its line."""
    gathered: _Gathered = []
    before = _GATHERED.set(gathered)
    try:
        yield
    finally:
        _GATHERED.reset(before)
        for stream, lines in groupby(gathered, key=itemgetter(0)):
            _write(stream, b"".join(line for _, line in lines))


def _write(stream: BinaryIO, text: bytes) -> None:
    """A reader that went away must not stop the process that logs."""
    with suppress(OSError):
        stream.write(text)
        stream.flush()


class _Lines:
    """Where a logger's finished lines go, one write each, so that lines never mix."""

    __slots__ = ("_stream", "name")

    def __init__(self, stream: BinaryIO, name: str = "") -> None:
        self._stream = stream
        self.name = name

    def msg(self, line: bytes) -> None:
        """Writes a line, or keeps it while lines are written together."""
        gathered = _GATHERED.get()
        if gathered is None:
            _write(self._stream, line + b"\n")
        else:
            gathered.append((self._stream, line + b"\n"))

    debug = info = warning = error = critical = msg


def _processors(service: str, log_format: str) -> list[Processor]:
    render = _render_console if log_format == "console" else JsonRenderer(service)
    return [
        structlog.contextvars.merge_contextvars,
        _add_context,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _describe_exception,
        render,
    ]


def _add_context(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {**log_context.get(), **event}


def _describe_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """``exc_info`` becomes the same three fields that a failed job shows."""
    error, trace = _exception_of(event.pop("exc_info", None))
    if error is not None:
        lines = traceback.format_exception(type(error), error, trace)
        event["exception"] = {
            "type": type(error).__name__,
            "message": str(error),
            "traceback": "".join(lines)[-MAX_TRACEBACK_CHARACTERS:],
        }
    return event


def _exception_of(info: object) -> tuple[BaseException | None, TracebackType | None]:
    if isinstance(info, BaseException):
        return info, info.__traceback__
    found = info if isinstance(info, tuple) else sys.exc_info() if info else (None, None, None)
    return found[1], found[2]


class JsonRenderer:
    """One JSON object a line; line breaks in values are escaped by JSON itself."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, logger: WrappedLogger, _: str, event: EventDict) -> bytes:
        """The line of one event."""
        head = {
            "timestamp": event.pop("timestamp"),
            "level": event.pop("level"),
            "event": event.pop("event"),
            "service": self._service,
            "logger": logger.name,
        }
        return _json({**head, **event})

    def renderer_of(self, logger: str, level: str, name: str) -> Callable[[str, EventDict], bytes]:
        """Writes one kind of event, of which only time and further fields differ."""
        fixed = {"level": level, "event": name, "service": self._service, "logger": logger}
        middle = _json(fixed)[1:-1]

        def render(timestamp: str, fields: EventDict) -> bytes:
            rest = b",%s" % _json(fields)[1:] if fields else b"}"
            return b'{"timestamp":"%s",%s%s' % (timestamp.encode(), middle, rest)

        return render


def _json(line: EventDict) -> bytes:
    try:
        return to_json(line, fallback=str, inf_nan_mode="strings")
    except (PydanticSerializationError, UnicodeError, ValueError):  # a lone surrogate, a cycle
        return json.dumps(_plain(line)).encode()


def _plain(event: EventDict) -> EventDict:
    return {str(name): str(value) for name, value in event.items()}


def _render_console(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    time = datetime.fromisoformat(event["timestamp"]).astimezone()
    exception = event.get("exception")
    values = [f"{name}={_shown(value)}" for name, value in event.items() if name not in _HEAD]
    head = f"{time:%H:%M:%S}.{time.microsecond // 1000:03d} {event['level']:<7} "
    line = " ".join((head + _one_line(str(event["event"])), *values))
    if isinstance(exception, dict):
        line += f"\n{exception['traceback'].rstrip()}"
    return line.encode(errors="backslashreplace")


def _shown(value: object) -> str:
    text = str(value)
    if text and text.isprintable() and not set(text) & set(" =\"'"):
        return text
    return repr(value)


def _one_line(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode()


class _ToStructlog(logging.Handler):
    """Hands each record of the standard library to the same pipeline."""

    def emit(  # type: ignore[explicit-override]  # typing.override comes with Python 3.12
        self, record: logging.LogRecord
    ) -> None:
        level = max(10, min(50, record.levelno // 10 * 10))
        try:
            message = record.getMessage()
            structlog.get_logger(record.name).log(level, message, exc_info=record.exc_info)
        except Exception:  # noqa: BLE001 - as the standard library does: a bad record stops nothing
            self.handleError(record)


def _take_over_stdlib(level: int) -> None:
    root = logging.getLogger()
    root.handlers = [h for h in root.handlers if not isinstance(h, _ToStructlog)]
    root.addHandler(_ToStructlog())
    root.setLevel(level)
    logging.captureWarnings(capture=True)
