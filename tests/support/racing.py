"""Several threads that begin at once, each with a store of its own."""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, TypeVar

from jobyard.connection import connect
from jobyard.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobyard.settings import Settings

T = TypeVar("T")
U = TypeVar("U")


def batches(items: Sequence[U], size: int) -> list[Sequence[U]]:
    """``items`` in order, ``size`` at a time."""
    return [items[at : at + size] for at in range(0, len(items), size)]


def race(settings: Settings, *runners: Callable[[Store], T], seconds: float = 60.0) -> list[T]:
    """Runs all at once; returns what each returned, in their order, or raises what one raised.

    Raises:
        AssertionError: One still runs after ``seconds``; it is left behind.
    """
    start = threading.Barrier(len(runners))
    outcomes: list[Future[T]] = [Future() for _ in runners]

    def run(runner: Callable[[Store], T], outcome: Future[T]) -> None:
        store = Store(connect(settings), settings.keys)
        try:
            store.ping()
            start.wait(10)
            outcome.set_result(runner(store))
        except BaseException as error:  # noqa: BLE001 (raised again by the caller)
            outcome.set_exception(error)
        finally:
            store.close()

    for runner, outcome in zip(runners, outcomes, strict=True):
        threading.Thread(target=run, args=(runner, outcome), daemon=True).start()
    _, running = wait(outcomes, seconds)
    assert not running, f"{len(running)} of {len(runners)} still run after {seconds} s"
    return [outcome.result() for outcome in outcomes]
