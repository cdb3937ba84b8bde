"""Reads request bodies: strict JSON, bounded, and refused before anything is acknowledged.

What passes here can be stored and read back by every JSON reader (RFC 8259, RFC 7493).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from email.message import Message
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.requests import Request
from typing_extensions import override

from jobyard_api.access.route import GuardedRoute
from jobyard_api.json_size import (
    has_too_many_keys,
    has_too_many_values,
    may_exceed,
    may_hold_large_number,
)
from jobyard_api.plain_json import read_plain
from jobyard_api.problem_types import Code
from jobyard_api.problems import FieldError, RefusalError, pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from starlette.responses import Response

    from jobyard_api.json_size import Bounds

MAX_SHOWN_PLACES = 20
MAX_REFUSED = 200
"""Beyond, the rest is not read: to mark a hundred thousand places takes a tenth of a second."""

_INTEGERS = range(-(2**63), 2**63)
_LONGEST_INTEGER = 20
_LONGEST_NUMBER = 1_100
"""The exact value of a double has up to 1 077 characters; more say nothing more."""

_Path: TypeAlias = "tuple[str | int, ...]"
_Place: TypeAlias = "tuple[_Path, Any]"


NOT_PLAIN = "jobyard.not_plain"
"""In a request's scope where the quick way of reading its body was tried in vain."""


class StrictRoute(GuardedRoute):
    """A route whose JSON body is read by ``parse`` instead of the framework."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler over a strict request."""
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return strictly


class StrictRequest(Request):
    """A request whose body is JSON of the right media type, or is refused."""

    @override
    async def body(self) -> bytes:
        """The raw body.

        Raises:
            RefusalError: It is empty, too large or of another media type.
        """
        check_media_type(self)
        body = await super().body()
        if not body.strip():
            raise RefusalError(Code.MALFORMED_JSON, "The body is empty: send a JSON object.")
        return body

    @override
    async def json(self) -> Any:
        """The parsed body.

        Raises:
            RefusalError: It is not JSON, or holds what could not be read back.
        """
        body, bounds = await self.body(), self.app.state.bounds
        value = None if NOT_PLAIN in self.scope else read_plain(body, bounds)
        return parse(body, bounds) if value is None else value


def check_media_type(request: Request) -> None:
    """Lets ``application/json`` in UTF-8 pass.

    Raises:
        RefusalError: The media type, character set or encoding is another.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if not is_json(request.headers.get("content-type", "")):
        detail = "Send the header 'Content-Type: application/json' (UTF-8)."
        raise _wrong_header("Content-Type", detail)
    if encoding.lower() != "identity":
        raise _wrong_header("Content-Encoding", "Send the body without compression.")


@lru_cache(maxsize=100)
def is_json(content_type: str) -> bool:
    """Whether it names JSON in UTF-8; the same few are asked about over and over."""
    message = Message()
    message["content-type"] = content_type
    subtype = message.get_content_subtype()
    return (
        message.get_content_maintype() == "application"
        and (subtype == "json" or subtype.endswith("+json"))
        and message.get_content_charset("utf-8") in {"utf-8", "utf8", "us-ascii"}
    )


def parse(body: bytes, bounds: Bounds) -> Any:
    """The JSON value of a body.

    Raises:
        RefusalError: It is not JSON, or holds what could not be read back.
    """
    is_large = may_exceed(body, bounds)
    if is_large and has_too_many_values(body, bounds):
        raise _unsafe([FieldError(pointer="", detail=_too_many(bounds))])
    if has_too_many_keys(body, bounds):
        raise _unsafe([FieldError(pointer="", detail=_too_many_keys(bounds))])
    text = _decode(body)
    reader = _Reader(bounds, may_hold_large_number(body))
    try:
        value = reader.read(text)
    except _TooManyError as error:
        raise _unsafe([FieldError(pointer="", detail=str(error))]) from None
    except RecursionError:
        raise _unsafe([FieldError(pointer="", detail=_too_deep(bounds))]) from None
    except ValueError as error:
        raise RefusalError(Code.MALFORMED_JSON, f"The body is not JSON: {error}") from None
    if reader.refused or is_large:
        _inspect(value, bounds)
    return value


@dataclass(frozen=True, slots=True)
class _Refused:
    """Stands in the parsed value where something must be refused."""

    detail: str


class _TooManyError(Exception):
    """There is so much of something that the rest is not looked at, nor said where it is."""


class _Reader:
    """The JSON decoder, with hooks that mark what must be refused."""

    def __init__(self, bounds: Bounds, large_numbers: bool) -> None:
        self.refused = 0
        self._bounds = bounds
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_constant=self._constant,
            parse_float=self._float,
            parse_int=self._integer if large_numbers else None,  # ten times as fast without
        )

    def read(self, text: str) -> Any:
        return self._decoder.decode(text)

    def _object(self, pairs: list[tuple[str, Any]]) -> Any:
        if len(pairs) > self._bounds.keys:
            raise _TooManyError(_too_many_keys(self._bounds))
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        return self._refuse(f"the key {_shown(twice)} stands twice in this object")

    def _constant(self, name: str) -> Any:
        return self._refuse(f"{name} is not JSON")

    def _float(self, text: str) -> Any:
        if len(text) > _LONGEST_NUMBER:
            return self._refuse(f"the number has more than {_LONGEST_NUMBER} characters")
        value = float(text)
        if math.isfinite(value):
            return value
        return self._refuse(f"the number {text[:24]} is out of range")

    def _integer(self, text: str) -> Any:
        if len(text) <= _LONGEST_INTEGER and (value := int(text)) in _INTEGERS:
            return value
        return self._refuse("the integer is beyond 64 bits: send it as a string")

    def _refuse(self, detail: str) -> _Refused:
        self.refused += 1
        if self.refused > MAX_REFUSED:
            raise _TooManyError(f"{detail}, and so on: more than {MAX_REFUSED} places")
        return _Refused(detail)


def _decode(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        detail = f"The body is not UTF-8: byte {error.start} is 0x{body[error.start]:02x}."
        raise RefusalError(Code.MALFORMED_JSON, detail) from None


def _inspect(value: Any, bounds: Bounds) -> None:
    errors = []
    for count, (path, found) in enumerate(_walk(value)):
        if count >= bounds.values:
            errors = [FieldError(pointer="", detail=_too_many(bounds))]
        elif len(path) > bounds.depth:
            errors = [FieldError(pointer=pointer(path[:3]), detail=_too_deep(bounds))]
        elif complaint := _complaint(found):
            errors.append(FieldError(pointer=pointer(_printable(path)), detail=complaint))
            if len(errors) < MAX_SHOWN_PLACES:
                continue
        else:
            continue
        break
    if errors:
        raise _unsafe(errors)


def _walk(value: Any) -> Iterator[_Place]:
    """Every value below ``value`` with its path, in order; nothing is unrolled ahead."""
    waiting: list[Iterator[_Place]] = [iter([((), value)])]
    while waiting:
        place = next(waiting[-1], None)
        if place is None:
            waiting.pop()
            continue
        yield place
        if isinstance(place[1], dict | list):
            waiting.append(_inside(*place))


def _inside(path: _Path, value: dict[str, Any] | list[Any]) -> Iterator[_Place]:
    steps = value.items() if isinstance(value, dict) else enumerate(value)
    return (((*path, step), found) for step, found in steps)


def _complaint(value: Any) -> str | None:
    if isinstance(value, _Refused):
        return value.detail
    if isinstance(value, str) and _is_broken(value):
        return "the text holds half of a surrogate pair"
    if isinstance(value, dict) and (broken := next(filter(_is_broken, value), None)) is not None:
        return f"the key {_shown(broken)} holds half of a surrogate pair"
    return None


def _is_broken(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)


def _printable(path: _Path) -> list[str | int]:
    return [_shown(step).strip('"') if isinstance(step, str) else step for step in path]


def _shown(text: str) -> str:
    return json.dumps(text[:64]) if _is_broken(text) else f'"{text[:64]}"'


def _too_deep(bounds: Bounds) -> str:
    return f"nested deeper than {bounds.depth} levels"


def _too_many(bounds: Bounds) -> str:
    return f"more than {bounds.values} values"


def _too_many_keys(bounds: Bounds) -> str:
    return f"an object has more than {bounds.keys} keys"


def _unsafe(errors: list[FieldError]) -> RefusalError:
    first = errors[0]
    return RefusalError(
        Code.UNSAFE_JSON, f"{first.pointer or 'the body'}: {first.detail}", errors=errors
    )


def _wrong_header(header: str, detail: str) -> RefusalError:
    return RefusalError(
        Code.UNSUPPORTED_MEDIA_TYPE, detail, errors=[FieldError(header=header, detail=detail)]
    )
