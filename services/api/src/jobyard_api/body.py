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
from jobyard_api.problem_types import Code
from jobyard_api.problems import FieldError, RefusalError, pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from starlette.responses import Response

MAX_SHOWN_PLACES = 20
_INTEGERS = range(-(2**63), 2**63)
_LONGEST_INTEGER = 20

_Path: TypeAlias = "tuple[str | int, ...]"
_Place: TypeAlias = "tuple[_Path, Any]"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a body may be: ``depth`` of nesting, ``values`` in all."""

    depth: int = 32
    values: int = 100_000


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
        return parse(await self.body(), self.app.state.bounds)


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
    text = _decode(body)
    reader = _Reader()
    try:
        value = reader.read(text)
    except RecursionError:
        raise _unsafe([FieldError(pointer="", detail=_too_deep(bounds))]) from None
    except ValueError as error:
        raise RefusalError(Code.MALFORMED_JSON, f"The body is not JSON: {error}") from None
    if reader.is_suspicious or _may_exceed(body, bounds):
        _inspect(value, bounds)
    return value


@dataclass(frozen=True, slots=True)
class _Refused:
    """Stands in the parsed value where something must be refused."""

    detail: str


class _Reader:
    """The JSON decoder, with hooks that mark what must be refused."""

    def __init__(self) -> None:
        self.is_suspicious = False
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_constant=self._constant,
            parse_float=self._float,
            parse_int=self._integer,
        )

    def read(self, text: str) -> Any:
        return self._decoder.decode(text)

    def _object(self, pairs: list[tuple[str, Any]]) -> Any:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        return self._refuse(f"the key {_shown(twice)} stands twice in this object")

    def _constant(self, name: str) -> Any:
        return self._refuse(f"{name} is not JSON")

    def _float(self, text: str) -> Any:
        value = float(text)
        if math.isfinite(value):
            return value
        return self._refuse(f"the number {text[:24]} is out of range")

    def _integer(self, text: str) -> Any:
        if len(text) <= _LONGEST_INTEGER and (value := int(text)) in _INTEGERS:
            return value
        return self._refuse("the integer is beyond 64 bits: send it as a string")

    def _refuse(self, detail: str) -> _Refused:
        self.is_suspicious = True
        return _Refused(detail)


def _decode(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        detail = f"The body is not UTF-8: byte {error.start} is 0x{body[error.start]:02x}."
        raise RefusalError(Code.MALFORMED_JSON, detail) from None


def _may_exceed(body: bytes, bounds: Bounds) -> bool:
    """Counts bytes only: most bodies are far below every bound and are not walked."""
    opened = body.count(b"[") + body.count(b"{")
    return opened > bounds.depth or body.count(b",") + opened >= bounds.values or b"\\u" in body


def _inspect(value: Any, bounds: Bounds) -> None:
    errors = []
    for count, (path, found) in enumerate(_walk(value)):
        if count >= bounds.values:
            errors = [FieldError(pointer="", detail=f"more than {bounds.values} values")]
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


def _unsafe(errors: list[FieldError]) -> RefusalError:
    first = errors[0]
    return RefusalError(
        Code.UNSAFE_JSON, f"{first.pointer or 'the body'}: {first.detail}", errors=errors
    )


def _wrong_header(header: str, detail: str) -> RefusalError:
    return RefusalError(
        Code.UNSUPPORTED_MEDIA_TYPE, detail, errors=[FieldError(header=header, detail=detail)]
    )
