"""What the head of a request must be, beyond what the parser sees to. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard_api.problem_types import Code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobyard_api.serving.limits import Limits


def fault_of(
    version: str, url: bytes, headers: Sequence[tuple[bytes, bytes]], limits: Limits
) -> Code | None:
    """Why a head is refused; None when it is sound. Its bytes in all are not counted."""
    if len(url) > limits.url_bytes:
        return Code.URL_TOO_LONG
    if len(headers) > limits.headers:
        return Code.HEADERS_TOO_LARGE
    return None if _is_clear(version, headers) else Code.BAD_REQUEST


def is_larger(url: bytes, headers: Sequence[tuple[bytes, bytes]], limit: int) -> bool:
    """Whether the bytes of a head, as it came over the wire, are more than ``limit``."""
    return len(url) + sum(len(name) + len(value) + 4 for name, value in headers) > limit


def _is_clear(version: str, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether every server on the way reads it alike (RFC 9112, 3.2 and 6.1).

    A body under a coding that we do not undo, or in chunks that HTTP/1.0 does not know, may end
    elsewhere for a proxy.
    """
    hosts = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name == b"transfer-encoding" and (version != "1.1" or value.lower() != b"chunked"):
            return False
    return hosts == 1 if version == "1.1" else version == "1.0" and hosts <= 1
