"""The application in the test's own process, where each request says who sends it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import httpx

from jobyard_api.application import create_app
from jobyard_api.principal import ANYBODY, Principal, Scope
from jobyard_api.settings import ApiSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.servers import StoreServer

TENANT = "x-test-tenant"


@contextlib.asynccontextmanager
async def signed_in(server: StoreServer, **settings: Any) -> AsyncIterator[SignedIn]:
    """The application over ``server``, and clients of it."""
    loaded = ApiSettings.load(redis_url=server.url, _env_file=None, **settings)
    app = create_app(loaded)

    async def known(scope: Any, receive: Any, send: Any) -> None:
        tenant = dict(scope.get("headers", ())).get(TENANT.encode())
        if tenant:
            name = tenant.decode()
            principal = Principal(name, name, frozenset(Scope))
        else:
            principal = ANYBODY
        scope.setdefault("state", {})["principal"] = principal
        await app(scope, receive, send)

    async with app.router.lifespan_context(app), contextlib.AsyncExitStack() as stack:
        yield SignedIn(httpx.ASGITransport(known), stack)


class SignedIn:
    """Clients of one application, by who they are."""

    def __init__(self, transport: httpx.ASGITransport, stack: contextlib.AsyncExitStack) -> None:
        self._transport = transport
        self._stack = stack

    async def client(self, tenant: str | None) -> httpx.AsyncClient:
        """A client of a tenant; None: of an operator."""
        headers = {TENANT: tenant} if tenant else {}
        client = httpx.AsyncClient(
            transport=self._transport, base_url="http://yard", headers=headers
        )
        return await self._stack.enter_async_context(client)
