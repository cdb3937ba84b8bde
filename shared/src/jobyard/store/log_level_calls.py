"""The calls about how much services log while they run. As ``calls.py``; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobyard.observability.log_level import LEVELS, AskedLevel
from jobyard.store.access_calls import entry_fields
from jobyard.store.calls import Call
from jobyard.store.scripts import script

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobyard.store.access_records import AuditEntry
    from jobyard.store.front import Store


def set_log_level(service: str, level: str | None, seconds: int, entry: AuditEntry) -> Call[None]:
    """Asks all processes of a service to log from ``level`` on for so long; None: no more."""
    sent = [service, level or "", seconds, *entry_fields(entry)]
    return Call(script("log_level_set"), sent, lambda _: None)


def log_levels(services: Sequence[str]) -> Call[list[AskedLevel | None]]:
    """What services are asked for, in this order; None for one that logs as configured."""
    return Call(
        script("log_levels"),
        services,
        lambda reply: [_asked(*reply[at : at + 2]) for at in range(0, len(reply), 2)],
    )


def level_reader(store: Store, service: str) -> Callable[[], AskedLevel | None]:
    """What one service is asked for, whenever it is called; raises as ``Store.run``."""

    def read() -> AskedLevel | None:
        (asked,) = store.run(log_levels([service]))
        return asked

    return read


def _asked(level: Any, left_ms: int) -> AskedLevel | None:
    word = level.decode(errors="replace")
    return AskedLevel(word, left_ms / 1000) if word in LEVELS and left_ms > 0 else None
