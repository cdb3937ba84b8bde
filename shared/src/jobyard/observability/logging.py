"""Logs: one event a line on stderr, as JSON or for people. Every process configures it once."""

from __future__ import annotations

import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

import structlog
from pydantic_core import to_json

from jobyard.observability.bounded import MAX_LINE_BYTES, SHORT, cut, plain, shortened
from jobyard.observability.clock import Clock
from jobyard.observability.line_stream import LineStream
from jobyard.observability.log_level import LeveledLogger, set_level
from jobyard.observability.trace_context import current_trace, fields_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

_CLOCK = Clock()
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
        stream: Takes one ``write`` a line.
    """
    structlog.configure(
        processors=_processors(service, settings.log_format),
        wrapper_class=LeveledLogger,
        logger_factory=partial(_Lines, LineStream(stream or sys.stderr.buffer)),
        cache_logger_on_first_use=True,
    )
    ready_logger.cache_clear()
    _take_over_stdlib()
    set_level(settings.log_level)


def get_logger(name: str) -> FilteringBoundLogger:
    """The logger of the module ``name``; it is made ready at its first event."""
    return cast("FilteringBoundLogger", structlog.get_logger(name))


@lru_cache(maxsize=1_000)
def ready_logger(name: str) -> FilteringBoundLogger:
    """As ``get_logger``, kept, and ready: a use makes nothing, once logging is configured."""
    return get_logger(name).bind()


log_context: ContextVar[Mapping[str, object]] = ContextVar("log_context", default={})  # noqa: B039 - nobody changes it
"""What all events say that are logged in this context, as in the request under way: set once, and
read only where something is logged."""


class LogFields:
    """Adds fields to all that is logged inside, by whomever: ``with LogFields(job_id=…):``.

    What a thread logs that was started inside does not have them, what a coroutine logs does.
    """

    __slots__ = ("_before", "_fields")

    def __init__(self, **fields: object) -> None:
        self._fields = fields

    def __enter__(self) -> None:
        self._before = log_context.set({**log_context.get(), **self._fields})

    def __exit__(self, *_: object) -> None:
        log_context.reset(self._before)


class _Lines:
    """One logger's way to the stream."""

    __slots__ = ("_stream", "name")

    def __init__(self, stream: LineStream, name: str = "") -> None:
        self._stream = stream
        self.name = name

    def msg(self, line: bytes) -> None:
        """Takes a finished line."""
        self._stream.write(line + b"\n")

    debug = info = warning = error = critical = msg


def _processors(service: str, log_format: str) -> list[Processor]:
    render = _render_console if log_format == "console" else JsonRenderer(service)
    return [
        structlog.contextvars.merge_contextvars,
        _add_context,
        structlog.processors.add_log_level,
        _add_time,
        _describe_exception,
        render,
    ]


def _add_time(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event["timestamp"] = _CLOCK.text()
    return event


def _add_context(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {**log_context.get(), **fields_of(current_trace.get()), **event}


def _describe_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """``exc_info`` becomes the same three fields that a failed job shows."""
    error, trace = _exception_of(event.pop("exc_info", None))
    if error is not None:
        lines = _lines_of(error, trace)
        event["exception"] = {
            "type": type(error).__name__,
            "message": _text_of(error),
            "traceback": "".join(lines),
        }
    return event


def _exception_of(info: object) -> tuple[BaseException | None, TracebackType | None]:
    if isinstance(info, BaseException):
        return info, info.__traceback__
    found = info if isinstance(info, tuple) else sys.exc_info() if info else (None, None, None)
    return found[1], found[2]


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - an exception of anybody's may be broken
        return "<the message of this exception cannot be shown>"


def _lines_of(error: BaseException, trace: TracebackType | None) -> list[str]:
    try:
        return traceback.format_exception(type(error), error, trace)
    except Exception:  # noqa: BLE001 - as above
        return traceback.format_tb(trace)


class JsonRenderer:
    """One JSON object a line; line breaks in values are escaped by JSON itself."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, logger: WrappedLogger, _: str, event: EventDict) -> bytes:
        """The line of one event."""
        for name in ("service", "logger"):
            if name in event:  # a task's own: who wrote the line must stay certain
                event[f"{name}_"] = event.pop(name)
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
    text = _any_json(line)
    if len(text) > MAX_LINE_BYTES:
        text = to_json(shortened(line))
    return text if len(text) <= MAX_LINE_BYTES else to_json(shortened(line, SHORT))


def _any_json(line: EventDict) -> bytes:
    try:
        return to_json(line, fallback=str, inf_nan_mode="strings")
    except Exception:  # noqa: BLE001 - a lone surrogate, a cycle, an object that fails to be shown
        return to_json(plain(line))


def _render_console(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    event = shortened(event)
    time = datetime.fromisoformat(event["timestamp"]).astimezone()
    exception = event.get("exception")
    context = log_context.get()
    names = sorted((name for name in event if name not in _HEAD), key=context.__contains__)
    values = [f"{name}={_shown(event[name])}" for name in names]
    head = f"{time:%H:%M:%S}.{time.microsecond // 1000:03d} {event['level']:<7} "
    line = cut(" ".join((head + _one_line(str(event["event"])), *values)), MAX_LINE_BYTES)
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

    def handle(  # type: ignore[explicit-override]  # typing.override comes with Python 3.12
        self, record: logging.LogRecord
    ) -> bool:
        """Without a lock: a line is one write, and slots of a worker do not wait for each other."""
        self.emit(record)
        return True

    def emit(  # type: ignore[explicit-override]  # as above
        self, record: logging.LogRecord
    ) -> None:
        level = max(10, min(50, record.levelno // 10 * 10))
        try:
            log = ready_logger(record.name)
            log.log(level, record.getMessage(), exc_info=record.exc_info, **_extra_of(record))
        except Exception:  # noqa: BLE001 - as the standard library does: a bad record stops nothing
            self.handleError(record)


_OWN = len(vars(logging.makeLogRecord({})))
_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {
    "message", "asctime", "level", "event", "timestamp", "service", "logger", "color_message",
}  # fmt: skip
"""What a record has of its own, what a line has, and what the server says twice."""


def _extra_of(record: logging.LogRecord) -> dict[str, object]:
    """What was given as ``extra``."""
    if len(vars(record)) == _OWN:
        return {}
    return {name: value for name, value in vars(record).items() if name not in _RECORD}


def _take_over_stdlib() -> None:
    root = logging.getLogger()
    root.handlers = [h for h in root.handlers if not isinstance(h, _ToStructlog)]
    root.addHandler(_ToStructlog())
    logging.captureWarnings(capture=True)
