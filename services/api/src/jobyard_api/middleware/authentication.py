"""Finds out who sends a request, and notes it in the scope. Routes decide what that is worth."""

from __future__ import annotations

import math
import time
from hashlib import sha256
from typing import TYPE_CHECKING

from jobyard.api_keys import digest_of
from jobyard.errors import StoreDataError, StoreUnavailableError
from jobyard_api.access.keyring import Admitted
from jobyard_api.access.mode import is_loopback
from jobyard_api.access.needs import unauthenticated
from jobyard_api.access.same_origin import came_from_elsewhere, cross_site
from jobyard_api.access.sessions import csrf_of, session_in
from jobyard_api.middleware.quotas import counted
from jobyard_api.principal import ANYBODY, NOBODY, UNKNOWN
from jobyard_api.problems import RefusalError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from jobyard_api.access import Access

_OPEN_TO_ALL = ("/livez", "/readyz", "/static/", "/docs/assets/", "/docs/errors", "/sign-in")
"""For these nobody is looked up: probes must not wait for a store that is away."""

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_ANYBODY, _NOBODY, _UNKNOWN = (
    Admitted(principal, None, math.inf) for principal in (ANYBODY, NOBODY, UNKNOWN)
)


class Authentication:
    """Puts the ``principal`` into the state of the scope, and counts what its tenant does."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access
        self.keyring = access.keyring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        key = cookie = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                key = value[7:] if value[:7].lower() == b"bearer " else b"?"
                break  # it wins over all others
            if name == b"x-api-key":
                key = value
            elif name == b"cookie":
                cookie = value
        found = None
        if key is not None:
            found = self.keyring.find(sha256(key).digest(), time.monotonic())
        if found is None:
            try:
                found = await self._look_up(scope, key, cookie)
            except RefusalError as refusal:
                await refusal.response(scope)(scope, receive, send)
                return
        scope["state"]["principal"] = found.principal
        if found.meters is None:
            await self.app(scope, receive, send)
        else:
            await counted(self.app, found.meters, scope, receive, send)

    async def _look_up(self, scope: Scope, key: bytes | None, cookie: bytes | None) -> Admitted:
        """Whoever is not known to this process yet.

        Raises:
            RefusalError: The key is none.
        """
        if self.access.is_off:
            return _ANYBODY
        try:
            return await self._admitted(scope, key, cookie) or _NOBODY
        except (StoreUnavailableError, StoreDataError):
            return _UNKNOWN

    async def _admitted(
        self, scope: Scope, key: bytes | None, cookie: bytes | None
    ) -> Admitted | None:
        if self.keyring.stands_open(time.monotonic()) or (
            key is None and not _is_open_to_all(scope) and await self.keyring.is_open()
        ):
            return self._as_anybody(scope)
        if key is not None:
            return await self._with_key(scope, key)
        token = session_in(cookie.decode("latin-1")) if cookie else None
        if token and (found := await self._with_session(token)):
            return found
        if self.access.classic_public and not _is_open_to_all(scope):
            return await self.keyring.public()
        return None

    def _as_anybody(self, scope: Scope) -> Admitted:
        """Whoever reaches this machine's own address, but no other site's page in a browser here.

        Such a page can send requests to it, also under a name of its own that leads to 127.0.0.1.
        """
        headers = dict(scope["headers"])
        if not is_loopback(_name_in(headers.get(b"host", b""))):
            raise cross_site("Without keys this API answers to 127.0.0.1 and localhost only.")
        if scope["method"] not in _READING and came_from_elsewhere(headers):
            raise cross_site("Another site's page sent this.")
        return _ANYBODY

    async def _with_key(self, scope: Scope, key: bytes) -> Admitted:
        found = await self.keyring.key(key.decode("latin-1").strip())
        if found is None:
            self.access.audit.note_refused(scope, "a key that is mistyped, revoked or expired")
            raise unauthenticated(
                "This API key is not valid: it was mistyped, was revoked or has expired.",
                error="invalid_token",
            )
        return found

    async def _with_session(self, token: str) -> Admitted | None:
        digest = digest_of(token)
        known = self.keyring.find(digest, time.monotonic())
        return known or await self.keyring.session(digest, csrf_of(token))


def _is_open_to_all(scope: Scope) -> bool:
    return bool(scope["path"].startswith(_OPEN_TO_ALL))


def _name_in(host: bytes) -> str:
    """The name in a ``Host`` header, without its port."""
    text = host.decode("latin-1")
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]
