"""Bad data as whoever can write to the store would leave it: raw records in a queue."""

from __future__ import annotations

import json
import pickle
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobyard.ids import new_id
from jobyard.store.data import PERFORM, encode_data

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobyard.keys import Keys
    from support.servers import RawClient, StoreServer

GOOD_DATA = encode_data("add", b'{"a":1,"b":1}')
"""What runs, where the fields around it are sound."""


class Trap:
    """Leaves a file behind when something unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:  # type: ignore[explicit-override]  # as pickle has it
        return Path.touch, (self.path,)


def pickled(trap: Path, protocol: int) -> bytes:
    """What RQ's default serializer would make of a call with a trap in it."""
    return pickle.dumps((PERFORM, None, ("add", Trap(trap)), {}), protocol)


def call_of(function: Any = PERFORM, arguments: Any = ("add", {"a": 1, "b": 1})) -> bytes:
    """RQ's ``[function, instance, args, kwargs]`` as JSON."""
    return json.dumps([function, None, arguments, {}]).encode()


def bomb(megabytes: int) -> bytes:
    """A compressed record of ours that holds a text of so many megabytes."""
    packer = zlib.compressobj()
    head, _, tail = call_of(arguments=["add", {"a": "@", "b": 1}]).partition(b"@")
    parts = [packer.compress(head)]
    parts += [packer.compress(b"x" * 1024 * 1024) for _ in range(megabytes)]
    return b"".join([*parts, packer.compress(tail), packer.flush()])


def put(client: RawClient, keys: Keys, fields: Mapping[str, Any], queue: str = "default") -> str:
    """Stores a record beside the API and lets it wait; returns its id."""
    job_id = new_id()
    client.hset(keys.job(job_id), mapping={"status": "queued", "origin": queue, **fields})
    wait_in(client, keys, job_id, queue)
    return job_id


def put_large(
    server: StoreServer, keys: Keys, fields: Mapping[str, Any], queue: str = "default"
) -> str:
    """A record with 512 MB of data, which is the most that a server takes in one piece."""
    with server.client(timeout_seconds=120) as client:
        job_id = put(client, keys, fields, queue)
        client.eval(_DOUBLING, 1, keys.job(job_id))
    return job_id


_DOUBLING = """
local text = 'x'
for _ = 1, 29 do text = text .. text end
redis.call('HSET', KEYS[1], 'data', text)
"""
"""A client would need a quarter of a minute to send it."""


def wait_in(client: RawClient, keys: Keys, job_id: str | bytes, queue: str = "default") -> None:
    """Puts an id into a queue, whatever it is the id of."""
    client.sadd(keys.queues(), keys.queue(queue))
    client.rpush(keys.queue(queue), job_id)
