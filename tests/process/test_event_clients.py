"""Five hundred clients of one API process, which drop and come back: every event once, in order.

They come back to that process or to another one, some long after, while the store is restarted
below them. What they should have seen is read from the store itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from conftest import service_environment
from jobyard.connection import connect
from jobyard.settings import Settings
from jobyard.states import TERMINAL
from jobyard.store import Store, event_calls
from jobyard.store.events import PROGRESS, START, changes_of
from support.event_stream import Parser
from support.processes import Services
from support.rest import Rest
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.ledger import Ledger
    from support.servers import StoreServer

pytestmark = pytest.mark.slow

JOB_CLIENTS = 450
FEEDS = 50
JOBS = 150
ENDS = frozenset(map(str, TERMINAL))
MOST_SECONDS = 150


@pytest.fixture
def services(durable_server: StoreServer, ledger: Ledger, tmp_path: Path) -> Iterator[Services]:
    services = Services(tmp_path, service_environment(durable_server.url, ledger))
    yield services
    services.end()


@pytest.fixture
def store(durable_server: StoreServer) -> Iterator[Store]:
    settings = Settings.load(redis_url=durable_server.url, _env_file=None)
    store = Store(connect(settings), settings.keys)
    yield store
    store.close()


@dataclass
class Client:
    """Follows one path until ``is_done``; may drop after some events, and come back."""

    path: str
    ports: tuple[int, ...]
    dice: random.Random
    patience: tuple[int, int] | None
    is_done: Callable[[Client], bool]
    seen: list[tuple[str, str]] = field(default_factory=list)
    gaps: int = 0
    connections: int = 0
    last_id: str = ""

    def told(self) -> dict[str, list[str]]:
        """The states of each job that it saw, in order."""
        found: dict[str, list[str]] = defaultdict(list)
        for job, state in self.seen:
            found[job].append(state)
        return found

    async def run(self) -> None:
        while not self.is_done(self):
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._connection(self.dice.choice(self.ports))
            await asyncio.sleep(self.dice.uniform(0.0, 0.2))  # as a client waits to come back

    async def _connection(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        self.connections += 1
        try:
            going_on = f"Last-Event-ID: {self.last_id}\r\n" if self.last_id else ""
            writer.write(f"GET {self.path} HTTP/1.0\r\nHost: localhost\r\n{going_on}\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head.partition(b"\r\n")[0]:
                return
            await self._read(reader, self.dice.randint(*self.patience) if self.patience else None)
        finally:
            writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader, patience: int | None) -> None:
        parser = Parser(self.last_id)
        while not self.is_done(self) and patience != 0:
            line = await reader.readuntil(b"\n")
            event = parser.line(line.decode().rstrip("\r\n"))
            if event is None:
                self.last_id = parser.last_id if not line.strip() else self.last_id
                continue
            self.last_id = event.id
            patience = None if patience is None else patience - 1
            self._note(event.kind, event.data)

    def _note(self, kind: str, data: Any) -> None:
        if kind == "gap":
            self.gaps += 1
        elif kind == "state":
            self.seen.append((data["id"], data["state"]))


def happened(store: Store) -> dict[str, list[str]]:
    """The states of each job, as the streams of the queues have them."""
    found: dict[str, list[str]] = defaultdict(list)
    streams = store.run(event_calls.replay(dict.fromkeys("abc", START), limit=1_000_000))
    for queue, entries in streams.items():
        for change in (change for entry in entries for change in changes_of(queue, entry)):
            if change.what != PROGRESS:
                found[change.id].append(change.what)
    return found


def has_ended(client: Client) -> bool:
    return bool(client.seen) and client.seen[-1][1] in ENDS


def test_500_clients_see_every_event_once_and_in_order(
    services: Services,
    store: Store,
    durable_server: StoreServer,
    figure: Callable[[str, object], None],
) -> None:
    services.start("jobyard-worker", JOBYARD_QUEUES="a,b,c", JOBYARD_CONCURRENCY="8")
    services.start("jobyard-scheduler")
    with Rest(services) as first, Rest(services) as second:
        first.wait_for_task("flaky")
        before = first.service.peak_bytes
        jobs = [
            first.submit("flaky", queue=queue, delay_seconds=5.0, payload={"failures": n % 3})["id"]
            for n, queue in zip(range(JOBS), "abc" * JOBS, strict=False)
        ]
        expected_ends = len(jobs)

        def feed_is_done(client: Client) -> bool:
            return sum(what in ENDS for _, what in client.seen) == expected_ends

        feeds = [
            Client(
                "/v1/events",
                (first.port, second.port),
                random.Random(n),
                (20, 200) if n % 2 else None,
                feed_is_done,
            )
            for n in range(FEEDS)
        ]
        watchers = [
            Client(
                f"/v1/jobs/{jobs[n % JOBS]}/events",
                (first.port,) if n % 3 else (first.port, second.port),
                random.Random(1000 + n),
                (1, 4) if n % 2 else None,
                has_ended,
            )
            for n in range(JOB_CLIENTS)
        ]

        asyncio.run(follow([*feeds, *watchers], durable_server))

        peak = first.service.peak_bytes
        wait_for(lambda: first.status("/readyz") == 200)
        whole = happened(store)

    for client in watchers:
        job = client.path.split("/")[3]
        assert (client.told(), client.gaps) == ({job: whole[job]}, 0)
    for client in feeds:
        # What happened before its first connection it has not seen.
        told = client.told()
        assert client.gaps == 0
        assert {job: whole[job][-len(states) :] for job, states in told.items()} == told
        assert all(len(told[job]) >= len(whole[job]) - 1 for job in jobs)
    drops = sum(client.connections - 1 for client in [*feeds, *watchers])
    assert drops > JOB_CLIENTS / 2
    figure("SSE: clients / times that one dropped and came back", f"500 / {drops}")
    figure(
        "SSE: events received / doubled or missing",
        f"{sum(len(c.seen) for c in [*feeds, *watchers])} / 0",
    )
    figure(
        "SSE: peak memory of the API process, MiB, before / with 500 clients",
        f"{before / 2**20:.0f} / {peak / 2**20:.0f}",
    )


async def follow(clients: list[Client], server: StoreServer) -> None:
    """Runs all clients to their end; the store is killed and comes back in the middle."""
    running = [asyncio.create_task(client.run()) for client in clients]
    restarting = asyncio.create_task(restart_in_the_middle(clients, server))
    _, late = await asyncio.wait([*running, restarting], timeout=MOST_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*running, restarting, return_exceptions=True)
    unfinished = [client for client in clients if not client.is_done(client)]
    assert not unfinished, f"{len(unfinished)} wait, as {unfinished[0]}"


async def restart_in_the_middle(clients: list[Client], server: StoreServer) -> None:
    while sum(len(client.seen) for client in clients) < 3 * JOB_CLIENTS:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await asyncio.to_thread(server.restart)
