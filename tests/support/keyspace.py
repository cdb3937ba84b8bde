"""All that a server holds, as plain values that can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.servers import RawClient

NO_EXPIRY = -1


def dump(client: RawClient, *, without: Iterable[str] = ()) -> dict[str, Any]:
    """Key → ``(type, value, expiry in ms of the epoch or -1)`` of every key."""
    left_out = set(without)
    names = sorted(name.decode() for name in client.scan_iter(count=1000))
    return {name: _value(client, name) for name in names if name not in left_out}


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Names of keys that were made, changed or removed."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def make_foreign(client: RawClient, name: str, kind: str) -> None:
    """Replaces a key that should be a ``kind`` by one of another type."""
    client.delete(name)
    if kind == "string":
        client.rpush(name, "foreign")
    else:
        client.set(name, "foreign")


def _value(client: RawClient, name: str) -> tuple[str, Any, int]:
    kind = client.type(name).decode()
    return kind, _READERS[kind](client, name), client.execute_command("PEXPIRETIME", name)


_READERS: dict[str, Any] = {
    "string": lambda client, name: client.get(name),
    "list": lambda client, name: client.lrange(name, 0, -1),
    "set": lambda client, name: client.smembers(name),
    "zset": lambda client, name: client.zrange(name, 0, -1, withscores=True),
    "hash": lambda client, name: client.hgetall(name),
    "stream": lambda client, name: client.xrange(name),
    "none": lambda *_: None,
}
