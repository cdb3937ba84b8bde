"""Ids that sort by the time they were made. Used for jobs, claims and requests."""

from __future__ import annotations

import os
import secrets
import time
from itertools import count


def new_id() -> str:
    """A UUID version 7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random bits."""
    moment = (time.time_ns() // 1_000_000).to_bytes(6, "big").hex()
    random = _random()
    variant = _VARIANTS[random[3]]
    return f"{moment[:8]}-{moment[8:]}-7{random[:3]}-{variant}{random[4:7]}-{random[7:]}"


def _random() -> str:
    """19 hexadecimal digits that nobody else is given."""
    try:
        return _READY.pop()
    except IndexError:
        digits = os.urandom(_DRAWN * 10).hex()
        _READY.extend(digits[at : at + 19] for at in range(20, len(digits), 20))
        return digits[:19]


_DRAWN = 64
"""A call of the system takes as long for one id as for a dozen."""

_READY: list[str] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_READY.clear)

_VARIANTS = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
"""The first two bits of a hexadecimal digit are 1 and 0, the others random."""


class Nonces:
    """Names what one process does: each name is greater than the one before, also as text.

    So the store knows a late copy of an older claim. The random part tells processes apart. The API
    names its requests so: it takes a quarter of the time of ``new_id``.
    """

    def __init__(self) -> None:
        self._numbers = count(1)
        self._salt = secrets.token_hex(6)

    def next(self) -> str:
        """The next one; safe in several threads."""
        return f"{next(self._numbers):010}-{self._salt}"
