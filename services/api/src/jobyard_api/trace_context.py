"""The trace that a request belongs to, as its ``traceparent`` header says (W3C Trace Context 2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Scope

_HEADER = b"traceparent"
_VERSION_0 = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}\Z")
_LATER = re.compile(rb"(?!00|ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-|\Z)")


def trace_id_of(scope: Scope) -> str | None:
    """32 hexadecimal digits; None without a sound header: one that is made up leads nowhere."""
    given = [value for name, value in scope["headers"] if name == _HEADER]
    if len(given) != 1:
        return None
    found = _VERSION_0.match(given[0]) or _LATER.match(given[0])
    if found is None or not found[1].strip(b"0") or not found[2].strip(b"0"):
        return None
    trace_id: str = found[1].decode()
    return trace_id
