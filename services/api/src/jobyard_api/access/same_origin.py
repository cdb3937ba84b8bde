"""Keeps other sites from acting in the name of somebody whose browser sends a cookie along."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError

if TYPE_CHECKING:
    from starlette.types import Scope

TOKEN_HEADER = b"x-csrf-token"


def check_same_origin(scope: Scope, token: str) -> None:
    """Lets pass what our own pages sent, and what repeats the token that only they can read.

    Raises:
        RefusalError: Another site sent it, or nobody can tell.
    """
    headers = dict(scope["headers"])
    if came_from_elsewhere(headers) is not False:
        raise cross_site("The browser does not say that a page of this API sent this.")
    if not hmac.compare_digest(headers.get(TOKEN_HEADER, b""), token.encode()):
        raise cross_site("Repeat the cookie 'jobyard_csrf' in the header X-CSRF-Token.")


def came_from_elsewhere(headers: dict[bytes, bytes]) -> bool | None:
    """Whether a browser says that another site sent it; None when it is no browser that says so.

    ``Sec-Fetch-Site`` is the browser's own word; older ones send ``Origin``.
    """
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site not in {b"same-origin", b"none"}
    origin = headers.get(b"origin")
    if origin is None:
        return None
    return urlsplit(origin).netloc.lower() != headers.get(b"host", b"").lower()


def cross_site(detail: str) -> RefusalError:
    """403 for what another site may have sent."""
    return RefusalError(Code.CROSS_SITE_REQUEST, detail)
