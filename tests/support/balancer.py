"""A load balancer as small as they come: it asks ``/readyz`` and spreads connections.

It never tries a connection or a request twice: what a server drops, the client sees.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Self

from support.servers import free_port
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

_CHUNK = 65_536


class Balancer:
    """Forwards to those of ``ports`` that say they are ready. A context manager."""

    def __init__(self, ports: Sequence[int], probe_seconds: float = 0.1) -> None:
        self.port = free_port()
        self.ready: frozenset[int] = frozenset()
        self.served = dict.fromkeys(ports, 0)
        self._ports = tuple(ports)
        self._probe_seconds = probe_seconds
        self._turn = 0
        self._serving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._run()])

    def __enter__(self) -> Self:
        self._thread.start()
        wait_for(lambda: self.ready == frozenset(self._ports), 30, lambda: f"{self.ready} only")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(30)
        self._loop.close()

    @property
    def base_url(self) -> str:
        """Where clients send requests."""
        return f"http://127.0.0.1:{self.port}"

    async def _run(self) -> None:
        probes = [asyncio.create_task(self._probe(port)) for port in self._ports]
        async with await asyncio.start_server(self._serve, "127.0.0.1", self.port):
            await self._ending.wait()
        await _ended([*probes, *self._serving])

    async def _probe(self, port: int) -> None:
        while True:
            is_ready = await _is_ready(port)
            self.ready = self.ready | {port} if is_ready else self.ready - {port}
            await asyncio.sleep(self._probe_seconds)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        async with _closing(writer):
            port = self._next()
            if port is not None:
                self.served[port] += 1
                await _forward(port, reader, writer)

    def _next(self) -> int | None:
        ready = sorted(self.ready)
        self._turn += 1
        return ready[self._turn % len(ready)] if ready else None


async def _is_ready(port: int) -> bool:
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with _closing(writer):
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return (await reader.readline()).split()[1:2] == [b"200"]
    return False


async def _forward(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one side has ended."""
    with contextlib.suppress(OSError):
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
        async with _closing(to_writer):
            ways = ((reader, to_writer), (to_reader, writer))
            pumps = [asyncio.create_task(_pump(*way)) for way in ways]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            await _ended(pumps)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
