"""Ids that sort by the time they were made. Used for jobs, claims and requests."""

from __future__ import annotations

import os
import secrets
import time
from itertools import count


def new_id() -> str:
    """A UUID version 7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random bits."""
    milliseconds = time.time_ns() // 1_000_000
    text = (milliseconds.to_bytes(6, "big") + os.urandom(10)).hex()
    variant = _VARIANTS[text[16]]
    return f"{text[:8]}-{text[8:12]}-7{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"


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
