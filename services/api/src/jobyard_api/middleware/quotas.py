"""Counts requests and bytes of bodies against the tenant's quotas, and says what is left.

A part of ``authentication``: a layer of its own would cost each request more than the counting.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jobyard.errors import StoreDataError, StoreUnavailableError
from jobyard_api.access.quotas import quota_exhausted
from jobyard_api.problems import RefusalError, refusal_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from jobyard_api.access.quotas import Meter, TenantMeters


async def counted(
    app: ASGIApp, meters: TenantMeters, scope: Scope, receive: Receive, send: Send
) -> None:
    """Handles one request of a tenant, if it may do that much in this minute."""
    refusal = None
    now = time.monotonic()
    try:
        if meters.requests is not None and not meters.requests.take(1, now):
            await _draw(meters.requests, 1, "requests")
            now = time.monotonic()
        if meters.payload is not None:
            receive = await _with_counted_body(meters.payload, scope, receive)
    except (RefusalError, StoreUnavailableError, StoreDataError) as error:
        refusal = refusal_of(error)
    headers = meters.headers(now)

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        await send(message)

    if refusal is not None:
        app = refusal.response(scope)
    await app(scope, receive, send_with_headers)


async def _draw(meter: Meter, units: int, what: str) -> None:
    if not await meter.draw(units):
        raise quota_exhausted(meter, what, time.monotonic())


async def _with_counted_body(meter: Meter, scope: Scope, receive: Receive) -> Receive:
    """Counts a body before it is read where its length is announced, else as it comes."""
    announced = None
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            announced = int(value[:20])
        elif name == b"transfer-encoding":
            announced = -1
    if announced is None:
        return receive
    if announced >= 0:
        if announced and not meter.take(announced, time.monotonic()):
            await _draw(meter, announced, "payload bytes")
        return receive

    async def receive_counted() -> Message:
        message = await receive()
        if units := len(message.get("body", b"")):
            await _draw(meter, units, "payload bytes")
        return message

    return receive_counted
