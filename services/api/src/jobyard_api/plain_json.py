"""Reads the bodies that nearly everybody sends, in a tenth of the time that ``body.parse`` takes.

It never refuses. What it does not surely read as ``body.parse`` would, it leaves to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from jobyard_api.json_size import may_hold_large_number

if TYPE_CHECKING:
    from jobyard_api.json_size import Bounds


def read_plain(body: bytes, bounds: Bounds) -> Any:
    """The JSON value of a body; None when it is for ``body.parse`` to read, or to refuse."""
    opened = body.count(b"[") + body.count(b"{")
    if (
        body.count(b",") + opened >= bounds.values
        or b"\\u" in body  # may be half of a surrogate pair
        or may_hold_large_number(body)
    ):
        return None
    try:
        value = from_json(body)
    except ValueError:
        return None
    is_small = opened <= bounds.depth and body.count(b":") <= bounds.keys
    if not is_small and _is_large(value, bounds):
        return None
    return value if _is_all_kept(body, to_json(value)) else None


def _is_large(value: Any, bounds: Bounds) -> bool:
    """Whether an object has too many keys, or something is so deep that more may be below it."""
    level = [value]
    for _ in range(bounds.depth):
        if any(type(each) is dict and len(each) > bounds.keys for each in level):
            return True
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _NESTS
        ]
    return bool(level)


_NESTS = (dict, list)


def _is_all_kept(body: bytes, again: bytes) -> bool:
    """Compares a body with its value written again.

    A key that stands twice in an object is once in the value, so a colon is gone: as nothing is
    escaped by its code, no other can have come in its place. A number that is none is a word.
    """
    return (
        body.count(b":") == again.count(b":") and b"NaN" not in again and b"Infinity" not in again
    )
