"""What keeps a line of the log a line: values that JSON can carry, of a bounded size. Pure."""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping

MAX_LINE_BYTES = 16_000
"""A little less than what container runtimes take as one line; they cut at 16 KiB."""

LONG, SHORT = 2_000, 100
"""Characters of a value; the second where a line has too many long ones."""

_OF_TRACEBACK = {LONG: 8_000, SHORT: 2_000}

_MOST_FIELDS = 40
_DEEPEST = 3
_MOST_BITS = 1_000
_FIRST = ("timestamp", "level", "event", "exception")


def plain(value: Any, depth: int = 0) -> Any:
    """``value`` as JSON can carry it, whatever it is: what it cannot becomes text."""
    if value is None or isinstance(value, bool) or _is_usual_int(value):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, dict) and depth < _DEEPEST:
        return {_encodable(str(name)): plain(each, depth + 1) for name, each in value.items()}
    return _encodable(_text(value))


def _is_usual_int(value: Any) -> bool:
    return isinstance(value, int) and value.bit_length() < _MOST_BITS


def shortened(line: MutableMapping[str, Any], most: int = LONG) -> dict[str, Any]:
    """A line with values of ``most`` characters (``LONG`` or ``SHORT``) and not too many fields.

    A traceback keeps more of them.
    """
    ordered = {**{name: line[name] for name in _FIRST if name in line}, **line}
    fields = islice(ordered.items(), _MOST_FIELDS)
    short = {cut(_encodable(str(name)), most): _short(value, most) for name, value in fields}
    left_out = len(line) - len(short)
    return {**short, "left_out": f"{left_out} fields"} if left_out else short


def _short(value: Any, most: int) -> Any:
    if isinstance(value, dict) and "traceback" in value:
        trace = cut_start(_encodable(_text(value["traceback"])), _OF_TRACEBACK[most])
        rest = {name: cut(_encodable(_text(each)), most) for name, each in value.items()}
        return {**rest, "traceback": trace}
    if value is None or isinstance(value, bool | float):
        return plain(value)
    text = _encodable(_text(value))
    return cut(text, most) if len(text) > most else plain(value)


def cut(text: str, most: int) -> str:
    """The first ``most`` characters of ``text``, and how many are not shown."""
    left_out = len(text) - most
    return f"{text[:most]}… {left_out} characters left out" if left_out > 0 else text


def cut_start(text: str, most: int) -> str:
    """As ``cut``, with the last characters: the end of a traceback says where it broke."""
    left_out = len(text) - most
    return f"… {left_out} characters left out\n{text[-most:]}" if left_out > 0 else text


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a value of anybody's; the line says what there is to say
        return f"<a {type(value).__name__} that cannot be shown>"


def _encodable(text: str) -> str:
    """A lone surrogate as the six characters that Python writes for it."""
    return text.encode(errors="backslashreplace").decode()
