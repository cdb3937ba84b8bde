"""An API process's health asks its event loop, from another thread."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from jobyard_api.health import Health

if TYPE_CHECKING:
    from collections.abc import Iterator


class Yard:
    async def ping(self) -> None:
        """The store answers."""


class Drain:
    is_begun = False


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A running one, in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    for asked in asyncio.all_tasks(loop):
        loop.run_until_complete(asked)
    loop.close()


def begun(loop: asyncio.AbstractEventLoop) -> Health:
    health, done = Health(), threading.Event()
    parts: tuple[Any, Any] = Yard(), Drain()

    def begin() -> None:
        health.begin(*parts)
        done.set()

    loop.call_soon_threadsafe(begin)
    done.wait()
    return health


def test_it_lives_and_is_ready_while_the_loop_goes_round(loop: asyncio.AbstractEventLoop) -> None:
    health = begun(loop)

    assert (health.live(), health.ready()) == ("", "")


def test_a_loop_that_stands_still_shows(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobyard_api.health.STILL_SECONDS", 0.05)
    health, frozen = begun(loop), threading.Event()
    loop.call_soon_threadsafe(frozen.wait)

    assert health.live() == "the event loop stands still"
    assert health.ready() == "the store has not answered in time"

    frozen.set()


def test_before_the_application_is_up_it_lives_and_is_not_ready() -> None:
    health = Health()

    assert (health.live(), health.ready()) == ("", "the application is not up")
