"""Loads the Lua scripts, one file a move, each behind the common part in ``lib.lua``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

_FLAGS = {
    **dict.fromkeys(("submit", "admit", "fire", "publish", "progress", "retry"), ""),
    **dict.fromkeys(("key_create", "session_open"), ""),
    **dict.fromkeys(
        (
            "read", "list", "queues", "workers", "published", "journal", "unreadable",
            "places", "replay", "about", "watch", "names", "gauge", "loads",
        ),
        "flags=no-writes",
    ),
    **dict.fromkeys(
        (
            "access", "key_read", "key_list", "session_read", "quota_list", "audit_list",
            "log_levels",
        ),
        "flags=no-writes",
    ),
}  # fmt: skip
_ALLOWED_WHEN_FULL = "flags=allow-oom"
"""Everything else. Without such a first line a full server judges a script by its first write:
claim and promote, which begin by taking something away, go on, while settle, renew and reap are
refused, so leases run out and nothing ends. With it, what takes work in is refused, and what works
it off, and so makes room, is not."""


@dataclass(frozen=True, slots=True)
class Script:
    """One script as it is sent: its text and the SHA-1 that the server knows it by."""

    name: str
    text: str
    sha: str


_PARTS = {
    **dict.fromkeys(
        ("release", "reap", "promote", "prune", "trim", "purge", "tend_rq"),
        ("lib", "rq"),
    ),
    "list": ("lib", "walking"),
    "cancel": ("lib", "rq", "withdrawing"),
    **dict.fromkeys(("submit", "fire"), ("lib", "storing")),
    "admit": ("lib", "rq", "storing", "withdrawing", "holding", "admitting"),
    "retry": ("lib", "rq", "holding", "withdrawing", "moving"),
    **dict.fromkeys(("reschedule", "delete"), ("lib", "rq", "withdrawing", "moving")),
    "settle": ("lib", "rq", "storing", "settling"),
    "settle_rq": ("lib", "rq", "settling"),
    **dict.fromkeys(("publish", "published"), ("lib", "versions")),
    **dict.fromkeys(
        (
            "audit_note",
            "key_create",
            "key_revoke",
            "quota_set",
            "session_open",
            "session_close",
            "log_level_set",
        ),
        ("lib", "audit"),
    ),
    **dict.fromkeys(("key_read", "session_read"), ("lib", "known")),
    **dict.fromkeys(("queues", "gauge"), ("lib", "depths")),
}
"""What stands before a script; ``lib`` alone before every other one."""


@cache
def script(name: str) -> Script:
    """The script of ``lua/<name>.lua``."""
    folder = resources.files("jobyard.store") / "lua"
    parts = [folder / f"{part}.lua" for part in (*_PARTS.get(name, ("lib",)), name)]
    head = f"#!lua {_FLAGS.get(name, _ALLOWED_WHEN_FULL)}".rstrip()
    text = "\n".join((head, *(part.read_text(encoding="utf-8") for part in parts)))
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Script(name, text, digest)
