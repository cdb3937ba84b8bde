"""The request boundary: an error that nobody expected is logged and answered with a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.observability.logging import get_logger
from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError, request_id_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = get_logger("jobyard_api")


class CrashGuard:
    """Answers 500 where no response has begun; the server goes on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception:
            if scope["type"] != "http" or begun:
                raise
            _log.exception("request.crashed", method=scope["method"])
            refusal = RefusalError(Code.INTERNAL_ERROR, "The API failed; see its log.")
            await refusal.response(request_id_of(scope))(scope, receive, send)
