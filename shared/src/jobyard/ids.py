"""Ids that sort by the time they were made. Used for jobs, claims and requests."""

from __future__ import annotations

import os
import secrets
import time
from itertools import count


def new_id() -> str:
    """A UUID version 7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Nonces:
    """Names one claimer's claims: each is greater than the one before, also as text.

    So the store knows a late copy of an older claim. The random part tells claimers apart.
    """

    def __init__(self) -> None:
        self._numbers = count(1)
        self._salt = secrets.token_hex(6)

    def next(self) -> str:
        """The next one; safe in several threads."""
        return f"{next(self._numbers):010}-{self._salt}"
