"""Answers hot routes ahead of the framework's own way; see ``jobyard_api.hot_routes``.

It is the innermost layer, so that everything around it holds for hot routes as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.errors import StoreUnavailableError
from jobyard_api.hot_routes import shortcuts_of
from jobyard_api.problems import RefusalError, refusal_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from jobyard_api.hot_routes import Place, Shortcut


class HotLane:
    """Takes what is surely in order; the application gets the rest, as it came."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._shortcuts: dict[Place, Shortcut] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] == "lifespan":
            self._shortcuts = shortcuts_of(scope["app"])
        elif scope["type"] == "http" and not scope.get("root_path"):
            shortcut = self._shortcuts.get((scope["method"], scope["path"]))
            if shortcut is not None:
                await self._try(shortcut, scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _try(self, shortcut: Shortcut, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = shortcut.route
        try:
            shortcut.route.admit(scope)
            messages = await _all_of(receive)
        except (RefusalError, StoreUnavailableError) as error:
            # Its sender may not send it, or a layer around this one finds the body too large.
            response = refusal_of(error).response(scope)
        else:
            given = shortcut.read(scope, messages)
            if given is None:
                await self.app(scope, _replayed(messages, receive), send)
                return
            response = await shortcut.answer(scope, given)
        await response(scope, receive, send)


async def _all_of(receive: Receive) -> list[Message]:
    """The whole body, or what came of it before the client went away."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    return messages


def _replayed(messages: Iterable[Message], receive: Receive) -> Receive:
    """What has been received, once more, and then what comes."""
    before = iter(messages)

    async def receive_again() -> Message:
        return next(before, None) or await receive()

    return receive_again
