"""Sentinel, alone or over a primary and its replica: all of them real servers of one engine."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Self

import redis

from support.servers import Engine, StoreServer, binary_of, free_port
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.servers import RawClient

SERVICE = "yard"


class Pair:
    """A primary, a replica that has all of its data, and a Sentinel that knows both.

    A context manager. The primary and the replica trade places in ``hand_over`` only.
    """

    def __init__(self, engine: Engine, directory: Path, *, down_after_seconds: float) -> None:
        """``down_after_seconds``: a primary that is silent for so long is replaced."""
        at_once = {"repl-diskless-sync-delay": "0"}
        self.primary = StoreServer(engine, aof=True, options=at_once)
        self.replica = StoreServer(engine, aof=True, options=at_once)
        self._directory = directory
        self._down_after_seconds = down_after_seconds
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        for server in (self.primary, self.replica):
            self._closing.enter_context(server)
        self._primary_client = self._closing.enter_context(self.primary.client())
        self._replica_client = self._closing.enter_context(self.replica.client())
        self._replica_client.replicaof("127.0.0.1", self.primary.port)
        wait_for(lambda: _replication(self._replica_client)["master_link_status"] == "up")
        self.port = self._closing.enter_context(
            sentinel(self.primary, self._directory, down_after_seconds=self._down_after_seconds)
        )
        self._sentinel: RawClient = self._closing.enter_context(redis.Redis(port=self.port))
        wait_for(self._knows_both)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    @property
    def url(self) -> str:
        """The URL that ``JOBYARD_REDIS_URL`` takes."""
        return sentinel_url(self.port)

    @property
    def has_switched(self) -> bool:
        """Whether Sentinel names the replica as the primary."""
        return self._named_port() == self.replica.port

    def replicate(self) -> None:
        """Returns when the replica has everything that the primary has answered so far."""
        self._primary_client.set("mark", 1)  # WAIT is about the writes of its own connection
        assert self._primary_client.wait(1, 10_000) == 1

    def hand_over(self) -> None:
        """A planned failover that loses nothing, as each engine's operators do it.

        Valkey's Sentinel lets the primary wait for its replica. Redis's promotes the replica as if
        the primary were dead, which goes on taking writes for 10 s: there the operator holds writes
        back, and a primary without replica must refuse them.
        """
        if self.primary.engine is Engine.VALKEY:
            self._order("COORDINATED")
            return
        self._primary_client.config_set("min-replicas-to-write", 1)
        self._primary_client.client_pause(60_000, all=False)
        wait_for(lambda: _offset(self._primary_client) == _offset(self._replica_client))
        self._order()
        wait_for(lambda: _replication(self._primary_client)["connected_slaves"] == 0)
        self._primary_client.client_unpause()

    def lines_to_old_primary(self) -> list[str]:
        """Who has run a script over a connection to the first primary, and keeps it."""
        clients = self._primary_client.client_list()
        return [each["addr"] for each in clients if each["cmd"] in {"eval", "evalsha"}]

    def _order(self, *how: str) -> None:
        self._sentinel.execute_command("SENTINEL FAILOVER", SERVICE, *how)

    def _named_port(self) -> int:
        _, port = self._sentinel.sentinel_get_master_addr_by_name(SERVICE)
        return int(port)

    def _knows_both(self) -> bool:
        """Sentinel has heard from both, so that it can promote the one."""
        replicas = self._sentinel.sentinel_slaves(SERVICE)
        primary = self._sentinel.sentinel_masters()[SERVICE]
        return primary["flags"] == "master" and [
            (replica["flags"], replica["master-link-status"]) for replica in replicas
        ] == [("slave", "ok")]


@contextmanager
def sentinel(
    server: StoreServer, directory: Path, *, down_after_seconds: float = 30.0
) -> Iterator[int]:
    """A Sentinel that watches ``server`` as ``yard``; yields its port."""
    binary, port = binary_of(server.engine), free_port()
    assert binary is not None
    config = directory / "sentinel.conf"
    config.write_text(
        f"port {port}\n"
        f"sentinel monitor {SERVICE} 127.0.0.1 {server.port} 1\n"
        f"sentinel down-after-milliseconds {SERVICE} {down_after_seconds * 1000:.0f}\n"
    )
    with (directory / "sentinel.log").open("wb") as log:
        process = subprocess.Popen(
            [binary, config, "--sentinel"], stdout=log, stderr=log, cwd=directory
        )
    try:
        with redis.Redis(port=port) as client:
            wait_for(lambda: _knows_primary(client))
        yield port
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


def sentinel_url(*ports: int) -> str:
    """The URL of the service behind Sentinels on these ports."""
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return f"redis+sentinel://{hosts}/{SERVICE}/0"


def _knows_primary(client: redis.Redis) -> bool:
    try:
        return client.sentinel_get_master_addr_by_name(SERVICE) is not None
    except redis.RedisError:
        return False


def _replication(client: RawClient) -> dict[str, int | str]:
    found: dict[str, int | str] = client.info("replication")
    return found


def _offset(client: RawClient) -> int:
    return int(_replication(client)["master_repl_offset"])
