"""The cookies of a person who signed in. The store knows what they mean, and so every replica."""

from __future__ import annotations

import secrets
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from jobyard.api_keys import digest_of

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope

SESSION_SECONDS = 12 * 3600
CSRF_COOKIE = "jobyard_csrf"
COOKIES = ("__Host-jobyard_session", "jobyard_session")
"""Over TLS, and without: a browser takes the first one only from this host, over TLS."""


def new_session() -> str:
    """The secret of a new session, 256 bits."""
    return secrets.token_urlsafe(32)


def csrf_of(session: str) -> str:
    """What a page must repeat to act for a session: no other site can read it.

    Made from the session, so that nobody has to keep it and no other session's will do.
    """
    return digest_of(f"csrf:{session}").hex()[:32]


def session_in(cookie: str | None) -> str | None:
    """The secret of the session in a ``Cookie`` header."""
    if cookie is None:
        return None
    try:
        jar = SimpleCookie(cookie)
    except CookieError:
        return None
    return next((jar[name].value for name in COOKIES if name in jar), None)


def set_cookies(response: Response, scope: Scope, session: str) -> None:
    """Hands a session to the browser: the secret to itself alone, the token to our pages."""
    is_secure = scope["scheme"] == "https"
    name = COOKIES[0] if is_secure else COOKIES[1]
    for cookie, value, is_hidden in (
        (name, session, True),
        (CSRF_COOKIE, csrf_of(session), False),
    ):
        response.set_cookie(
            cookie,
            value,
            max_age=SESSION_SECONDS,
            secure=is_secure,
            httponly=is_hidden,
            samesite="strict",
        )


def clear_cookies(response: Response, scope: Scope) -> None:
    """Takes them away again."""
    is_secure = scope["scheme"] == "https"
    for name in (*COOKIES, CSRF_COOKIE):
        response.delete_cookie(
            name, secure=is_secure or name.startswith("__Host-"), samesite="strict"
        )
