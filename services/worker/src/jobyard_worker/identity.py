"""Names of workers: one for each lease, never used twice."""

from __future__ import annotations

import os
import re
import secrets
import socket

_FOREIGN = re.compile(r"[^A-Za-z0-9-]+")


def new_worker_name() -> str:
    """``<hostname>-<pid>-<8 hex>``: letters, digits and ``-`` only."""
    host = _FOREIGN.sub("-", socket.gethostname()).strip("-") or "host"
    return f"{host}-{os.getpid()}-{secrets.token_hex(4)}"
