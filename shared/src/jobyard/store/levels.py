"""The levels of the yard at one moment: queues, pools, the server. For the scheduler's gauge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobyard.store.calls import Call
from jobyard.store.queue_sums import queues_of
from jobyard.store.reading.oversight import read_queues
from jobyard.store.scripts import script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobyard.store.records.oversight import QueueInfo

RESCUED = "rescued"
"""In a queue's ``counters``: how many of its jobs were ever given back as their worker died."""

REJECTIONS = ("OOM", "MISCONF", "READONLY", "NOREPLICAS")
"""Codes of the server's answers to writes that it refuses."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The workers of a pool that hold a lease, and their slots."""

    name: str
    workers: int
    busy_workers: int
    slots: int
    busy_slots: int


@dataclass(frozen=True, slots=True)
class Server:
    """What the server says of itself; ``memory_limit_bytes`` 0 for none, rejections by code."""

    memory_bytes: int
    memory_limit_bytes: int
    clients: int
    evicted_keys: int
    rejections: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Levels:
    """All of it. Queues with their lanes added up; ``server`` None where it may not be asked."""

    queues: Sequence[QueueInfo]
    pools: Sequence[Pool]
    unreadable: int
    server: Server | None


def levels() -> Call[Levels]:
    """The present levels, in one call whatever waits."""
    return Call(script("gauge"), [], _levels)


def _levels(reply: list[Any]) -> Levels:
    now_ms, info, unreadable, queues, pools = reply
    rows = [[*row, b"", b"", [RESCUED.encode(), rescued]] for *row, rescued in queues]
    return Levels(
        queues=queues_of(read_queues([now_ms, *rows])),
        pools=sorted(map(_pool, pools), key=lambda pool: pool.name),
        unreadable=unreadable,
        server=server_of(info.decode(errors="replace")),
    )


def _pool(row: list[Any]) -> Pool:
    name, workers, busy_workers, slots, busy_slots = row
    return Pool(name.decode(errors="replace"), workers, busy_workers, slots, busy_slots)


def server_of(info: str) -> Server | None:
    """Reads ``INFO``; None where it does not say how much memory is used."""
    said = dict(line.partition(":")[::2] for line in info.splitlines() if ":" in line)
    if "used_memory" not in said:
        return None
    return Server(
        memory_bytes=_number(said["used_memory"]),
        memory_limit_bytes=_number(said.get("maxmemory", "")),
        clients=_number(said.get("connected_clients", "")),
        evicted_keys=_number(said.get("evicted_keys", "")),
        rejections={code: _number(said.get(f"errorstat_{code}", "")) for code in REJECTIONS},
    )


def _number(text: str) -> int:
    """Of ``7`` or ``count=7``; 0 where there is none."""
    number = text.rpartition("=")[2]
    return int(number) if number.isascii() and number.isdigit() else 0
