"""The application in the test's own process, with clients that present keys of their own."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import httpx

from jobyard.api_keys import Scope
from jobyard_api.application import create_app
from jobyard_api.settings import ApiSettings
from support.keys import make_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from support.servers import StoreServer


@contextlib.asynccontextmanager
async def signed_in(server: StoreServer, **settings: Any) -> AsyncIterator[SignedIn]:
    """The application over ``server``, and clients of it."""
    loaded = ApiSettings.load(
        redis_url=server.url, _env_file=None, **{"auth": "required", **settings}
    )
    app = create_app(loaded)
    async with app.router.lifespan_context(app), contextlib.AsyncExitStack() as stack:
        yield SignedIn(server, httpx.ASGITransport(app), stack)


class SignedIn:
    """Clients of one application, by who they are."""

    def __init__(
        self,
        server: StoreServer,
        transport: httpx.ASGITransport,
        stack: contextlib.AsyncExitStack,
    ) -> None:
        self._server = server
        self._transport = transport
        self._stack = stack

    async def client(
        self, tenant: str | None, scopes: Iterable[Scope] = tuple(Scope)
    ) -> httpx.AsyncClient:
        """A client with a new key of a tenant; None: of an operator."""
        key = make_key(self._server, tenant or "", scopes)
        return await self.with_headers({"Authorization": f"Bearer {key.text}"})

    async def with_headers(self, headers: dict[str, str]) -> httpx.AsyncClient:
        """A client that sends these with each request."""
        client = httpx.AsyncClient(
            transport=self._transport, base_url="http://yard", headers=headers
        )
        return await self._stack.enter_async_context(client)
