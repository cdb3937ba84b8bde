"""What happens around every request: pure ASGI, one duty a file, outermost first.

``request_id`` → ``access_log`` → ``headers`` → ``crash`` → ``body_limit`` → the application.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard_api.middleware.access_log import AccessLog
from jobyard_api.middleware.body_limit import BodyLimit
from jobyard_api.middleware.crash import CrashGuard
from jobyard_api.middleware.headers import SecurityHeaders
from jobyard_api.middleware.request_id import RequestId

if TYPE_CHECKING:
    from fastapi import FastAPI

    from jobyard_api.settings import ApiSettings


def install(app: FastAPI, settings: ApiSettings) -> None:
    """Adds all of them in their order (the framework puts the last one added outermost)."""
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(CrashGuard)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(AccessLog)
    app.add_middleware(RequestId)
