"""Loads the Lua scripts, one file a move, each behind the common part in ``lib.lua``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Script:
    """One script as it is sent: its text and the SHA-1 that the server knows it by."""

    name: str
    text: str
    sha: str


@cache
def script(name: str) -> Script:
    """The script of ``lua/<name>.lua``."""
    folder = resources.files("jobyard.store") / "lua"
    parts = (folder / "lib.lua", folder / f"{name}.lua")
    text = "\n".join(part.read_text(encoding="utf-8") for part in parts)
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Script(name, text, digest)
