"""What a client may do to a connection, before the application hears of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobyard_api.settings import ApiSettings

MAX_URL_BYTES = 8_192
"""What RFC 9110 asks for at the least; ids, filters and page tokens are far below."""

MAX_HEADERS = 100
"""As other servers have it; browsers behind two proxies send about 30."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes and counts of one request's head, and how long its parts may take."""

    head_bytes: int
    receive_seconds: float
    send_seconds: float
    keep_alive_seconds: float
    url_bytes: int = MAX_URL_BYTES
    headers: int = MAX_HEADERS


def limits_of(settings: ApiSettings) -> Limits:
    """The limits that the settings name."""
    return Limits(
        head_bytes=settings.max_head_bytes,
        receive_seconds=settings.receive_seconds,
        send_seconds=settings.send_seconds,
        keep_alive_seconds=settings.keep_alive_seconds,
    )
