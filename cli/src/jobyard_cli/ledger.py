"""The store as commands about access use it, and what they leave in the audit log."""

from __future__ import annotations

import contextlib
import getpass
import socket
from typing import TYPE_CHECKING

from jobyard.ids import new_id
from jobyard.settings import Settings
from jobyard.store.access_records import AuditEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobyard.store import Store


@contextlib.contextmanager
def open_store() -> Iterator[Store]:
    """The store at JOBYARD_REDIS_URL."""
    # Late: `jobyard up` and the client's commands do not wait for it.
    from jobyard.connection import connect  # noqa: PLC0415
    from jobyard.store import Store  # noqa: PLC0415

    settings = Settings.load()
    store = Store(connect(settings), settings.keys)
    try:
        yield store
    finally:
        store.close()


def entry_of(action: str, target: str, tenant: str = "", detail: str = "") -> AuditEntry:
    """The entry of what a command does."""
    return AuditEntry(
        id=new_id(),
        actor=user(),
        key_id="",
        tenant=tenant,
        action=action,
        target=target,
        outcome="done",
        source=f"command line on {socket.gethostname()}",
        detail=detail,
    )


def user() -> str:
    """The name of whoever runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
