"""How large a JSON text is, found from its bytes before it is parsed. Pure.

To parse a million values takes a second, and while one request does that, no other is served.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic_core import from_json

# Possessive: a text that is no JSON must not make the search go back.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SPACES = b" \t\r\n"
_DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19
"""2^63 has as many digits. A text that has them as well is read the slow way, that is all."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a body may be: ``depth`` of nesting, ``values`` in all, ``keys`` of one object."""

    depth: int = 32
    values: int = 100_000
    keys: int = 10_000


def may_exceed(body: bytes, bounds: Bounds) -> bool:
    """Whether a body may hold more than is allowed, or half of a surrogate pair.

    Counts bytes only: most bodies are far below every bound and are not walked.
    """
    opened = body.count(b"[") + body.count(b"{")
    return (
        opened > bounds.depth
        or body.count(b",") + opened >= bounds.values
        or body.count(b":") > bounds.keys
        or b"\\u" in body
    )


def may_hold_large_number(body: bytes) -> bool:
    """Whether a number of a body may be beyond 64 bits."""
    return _LONG_NUMBER in body.translate(_DIGITS_AS_ZEROS)


def has_too_many_values(body: bytes, bounds: Bounds) -> bool:
    """Whether a JSON text surely holds more values than are allowed."""
    # Each string is a value or has one, and has two quotes that stand behind no backslash.
    quotes = body.count(b'"') - body.count(rb"\"")
    if quotes > 4 * bounds.values:
        return True
    at_most = 1 + body.count(b",") + body.count(b"[") + body.count(b"{")
    return at_most > bounds.values and values_in(body) > bounds.values


def has_too_many_keys(body: bytes, bounds: Bounds) -> bool:
    """Whether an object of a JSON text surely has more keys than are allowed.

    Found with the quick parser: the slow one takes ten times as long to get there.
    """
    if body.count(b":") <= bounds.keys:
        return False
    try:
        value = from_json(body)
    except ValueError:
        return False
    waiting = [value] if isinstance(value, dict | list) else []
    while waiting:
        found = waiting.pop()
        if len(found) > bounds.keys and isinstance(found, dict):
            return True
        inside = found.values() if isinstance(found, dict) else found
        waiting.extend(each for each in inside if isinstance(each, dict | list))
    return False


def values_in(body: bytes) -> int:
    """The values of a JSON text, itself among them; of what is no JSON, some number."""
    bare = _STRING.sub(b"0", body).translate(None, _SPACES)
    opened = bare.count(b"[") + bare.count(b"{")
    return 1 + bare.count(b",") + opened - bare.count(b"[]") - bare.count(b"{}")
