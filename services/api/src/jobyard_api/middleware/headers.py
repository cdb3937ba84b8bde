"""Headers of every response. A route may set its own policy (pages that run scripts)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard_api.middleware.request_id import HEADER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    Headers: TypeAlias = list[tuple[bytes, bytes]]

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_POLICY = b"content-security-policy"
_NOTHING = (_POLICY, b"default-src 'none'; frame-ancestors 'none'")


def completed(headers: Iterable[tuple[bytes, bytes]], request_id: str) -> Headers:
    """A response's headers with those of all; ``cors`` adds its own before."""
    found = [*headers, *_ALWAYS, (HEADER, request_id.encode())]
    for name, _ in found:
        if name == _POLICY:
            return found
    found.append(_NOTHING)
    return found
