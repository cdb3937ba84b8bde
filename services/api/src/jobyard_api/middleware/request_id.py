"""The id of a request: the client's ``X-Request-ID`` where it is sound, else a new one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jobyard.ids import new_id

if TYPE_CHECKING:
    from starlette.types import Scope

HEADER = b"x-request-id"
_SOUND = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}\Z")


def request_id_for(scope: Scope) -> str:
    """The id of this request, from now on."""
    for name, value in scope["headers"]:
        if name == HEADER and _SOUND.match(value):
            text: str = value.decode()
            return text
    return new_id()
