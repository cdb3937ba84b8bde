"""Idempotency keys: the header's syntax and the fingerprint of a request.

After draft-ietf-httpapi-idempotency-key-header-07; a key without quotes is taken too.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Header
from pydantic import AfterValidator, StringConstraints

from jobyard.store.records.submission import Idempotency

if TYPE_CHECKING:
    from pydantic import BaseModel

_LETTER = r"[\x21\x23-\x7e]"
PATTERN = rf'^(?:"(?:{_LETTER}| ){{1,255}}"|{_LETTER}(?:(?:{_LETTER}| ){{0,253}}{_LETTER})?)$'

NOBODY = "-"
"""Stands for the tenant where there is none; no tenant can be called that."""


def _unquoted(key: str) -> str:
    return key.strip('"')


IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(pattern=PATTERN), AfterValidator(_unquoted)] | None,
    Header(
        alias="Idempotency-Key",
        description="1 to 255 printable characters. For 24 hours the same key with the same body "
        "answers with the same job.",
    ),
]


def once(owner: str | None, route: str, key: str | None, request: BaseModel) -> Idempotency | None:
    """An owner's use of a key for a request to a route; None without a key."""
    if key is None:
        return None
    return Idempotency(
        scope=f"{owner or NOBODY}:{route}", key=key, fingerprint=fingerprint(request)
    )


def once_each(
    owner: str | None, route: str, key: str | None, index: int, request: BaseModel
) -> Idempotency | None:
    """As ``once`` for one job of a batch: each has a key of its own, made from the batch's."""
    return once(owner, route, f"{key}#{index}" if key else None, request)


def fingerprint(request: BaseModel) -> str:
    """Equal for bodies that mean the same, however they are written."""
    asked: Any = request.model_dump(mode="json", exclude_unset=True)
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
