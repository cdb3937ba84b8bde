"""The id of a request: the client's ``X-Request-ID`` where it is sound, else a new one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jobyard.ids import Nonces

if TYPE_CHECKING:
    from starlette.types import Scope

HEADER = b"x-request-id"
_SOUND = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}\Z")


class RequestIds:
    """Names the requests of one process."""

    def __init__(self) -> None:
        self._own = Nonces()

    def of(self, scope: Scope) -> str:
        """The id of this request, from now on."""
        for name, value in scope["headers"]:
            if name == HEADER and _SOUND.match(value):
                text: str = value.decode()
                return text
        return self._own.next()
