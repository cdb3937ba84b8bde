"""The ids of events: a place in each stream, as a text that every API process can go on from.

``<time>,<queue>:<ms after time>.<seq>.<nth>,…`` in base 36: the places of the queues in which
something happened within a minute of the newest one. All others stand at the last entry before the
minute, whose beginning is ``<time>``: so an id stays short, however many queues there are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from jobyard.store.events import WHOLE, Place

if TYPE_CHECKING:
    from collections.abc import Mapping

MARGIN_MS = 60_000
"""A stream that is not named may get no entry that is older. Entries have the time of the server,
which goes back only when another server, with a slower clock, takes over."""

MAX_CHARACTERS = 8_192

_SHAPE = re.compile(
    r"[0-9a-z]{1,9}(,[\w.~%-]{0,512}:[0-9a-z]{1,9}\.[0-9a-z]{1,9}(\.[0-9a-z]{1,6})?)*", re.ASCII
)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in each stream; ``since_ms`` stands for those that ``places`` does not name."""

    since_ms: int
    places: Mapping[str, Place] = field(default_factory=dict)


def text_of(places: Mapping[str, Place], since_ms: int) -> str:
    """The text for these places; before ``since_ms`` nothing happened in streams without one."""
    newest = max((place.ms for place in places.values()), default=0)
    start = max(newest - MARGIN_MS, 0) if newest else since_ms
    parts = [_number(start)]
    for queue, (ms, seq, nth) in places.items():
        if ms > start:
            tail = "" if nth == WHOLE else f".{_number(nth)}"
            parts.append(f"{quote(queue, safe='')}:{_number(ms - start)}.{_number(seq)}{tail}")
    return ",".join(parts)


def cursor_of(text: str) -> Cursor:
    """What a text stands for.

    Raises:
        ValueError: It is none of ours.
    """
    if len(text) > MAX_CHARACTERS or not _SHAPE.fullmatch(text):
        raise ValueError("not an id of an event")
    start, *parts = text.split(",")
    since_ms = int(start, 36)
    return Cursor(since_ms, dict(_place(part, since_ms) for part in parts))


def _place(part: str, since_ms: int) -> tuple[str, Place]:
    queue, _, numbers = part.partition(":")
    ms, seq, *rest = (int(number, 36) for number in numbers.split("."))
    [nth] = rest or [WHOLE]
    return unquote(queue, errors="strict"), Place(since_ms + ms, seq, nth)


def _number(number: int) -> str:
    digits = ""
    while number >= len(_DIGITS):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return _DIGITS[number] + digits
