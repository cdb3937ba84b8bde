"""API keys: what they may do, how one is made, written and checked. Pure; API and command line."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from enum import StrEnum

PREFIX = "yd_"
_ID_LENGTH = 12
_SECRET_LENGTH = 43  # 256 bits in base 62
_CHECK_LENGTH = 6  # a CRC-32 in base 62
_LETTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_KEY = re.compile(
    rf"({PREFIX}([0-9A-Za-z]{{{_ID_LENGTH}}})_[0-9A-Za-z]{{{_SECRET_LENGTH}}})"
    rf"([0-9A-Za-z]{{{_CHECK_LENGTH}}})"
)


class Scope(StrEnum):
    """One thing that a key may be allowed to do."""

    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    PAYLOADS_READ = "payloads:read"
    QUEUES_ADMIN = "queues:admin"
    WORKERS_ADMIN = "workers:admin"
    KEYS_ADMIN = "keys:admin"
    AUDIT_READ = "audit:read"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A new key: the public ``id``, and the whole ``text`` that its owner presents."""

    id: str
    text: str = field(repr=False)

    @property
    def digest(self) -> str:
        """All that the store keeps of ``text``."""
        return digest_of(self.text).hex()


def new_api_key() -> ApiKey:
    """A key that nobody has: ``yd_<id>_<secret><checksum>``, one word for a double click."""
    key_id = "".join(secrets.choice(_LETTERS) for _ in range(_ID_LENGTH))
    secret = _in_base_62(secrets.randbits(256), _SECRET_LENGTH)
    body = f"{PREFIX}{key_id}_{secret}"
    return ApiKey(key_id, body + _check_of(body))


def id_in(text: str) -> str | None:
    """The public id in a key; None when it is none or was mistyped, which no store has to tell."""
    found = _KEY.fullmatch(text)
    if found is None or _check_of(found[1]) != found[3]:
        return None
    return found[2]


def digest_of(secret: str | bytes) -> bytes:
    """SHA-256 of a key or of another secret of 256 bits.

    A slow hash protects what can be guessed; nobody guesses 256 random bits, and a slow one would
    cost each request that much.
    """
    return hashlib.sha256(secret.encode() if isinstance(secret, str) else secret).digest()


def _check_of(body: str) -> str:
    return _in_base_62(zlib.crc32(body.encode()), _CHECK_LENGTH)


def _in_base_62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, rest = divmod(number, len(_LETTERS))
        digits.append(_LETTERS[rest])
    return "".join(reversed(digits))
