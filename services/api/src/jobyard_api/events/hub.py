"""Follows the event streams of all queues for every listener of this process, while there is one.

It knows the last entry of each stream that it handed out, so an outage of the store, a restart or
a failover neither loses nor repeats a change. Where the store lost some, listeners are told.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Any

from jobyard.errors import StoreDataError, StoreUnavailableError
from jobyard.observability.logging import get_logger
from jobyard.store import event_calls
from jobyard.store.events import START
from jobyard.store.following import LIMIT, Follower
from jobyard_api.events.listeners import Listeners
from jobyard_api.events.merging import merge
from jobyard_api.events.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping

    from jobyard.store import AsyncStore
    from jobyard.store.events import Place

LINGER_SECONDS = 10.0
"""How long it goes on without a listener: the next one often comes soon, and finds it ready."""

MOST_CATCHING_UP = 8
"""Listeners that read again at once: hundreds come back together when a process of the API ends."""

_LEARN_SECONDS = 1.0
"""How often it looks for new queues; the queue of a job that somebody watches it knows at once."""

_PAUSE_SECONDS = 0.002
"""Between two answers with changes: under load each brings several, instead of one at a time."""

_BACK_OFF_SECONDS = (0.02, 1.0)

_log = get_logger("jobyard_api.events")


class Hub:
    """Listeners ``follow`` and ``leave``. Lives on one event loop."""

    def __init__(self, store: AsyncStore, *, linger_seconds: float = LINGER_SECONDS) -> None:
        self.catching_up = asyncio.Semaphore(MOST_CATCHING_UP)
        self._store = store
        self._linger_seconds = linger_seconds
        self._listeners = Listeners()
        self._places: dict[str, Place] = {}
        self._origins: dict[str, Place] = {}
        self._since_ms = 0
        self._is_ending = False
        self._is_ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[Any] | None = None
        self._learn_at = 0.0
        self._idle_since = 0.0

    @property
    def places(self) -> Mapping[str, Place]:
        """Up to where each stream was handed out."""
        return self._places

    @property
    def since_ms(self) -> int:
        """When it began to follow, by the server's clock; a queue that it learns is newer."""
        return self._since_ms

    @property
    def listeners(self) -> int:
        """How many follow now."""
        return len(self._listeners)

    def origin(self, queue: str) -> Place:
        """Where it began in the stream of a queue that it learned later."""
        return self._origins.get(queue, START)

    async def follow(self, job_id: str | None = None) -> Subscription:
        """From now on the changes of one job, or of all. The listener must ``leave``.

        Raises:
            StoreUnavailableError: The store cannot serve now.
        """
        subscription = Subscription(job_id)
        self._listeners.add(subscription)
        if self._is_ending:
            subscription.end()
        try:
            await self._started()
        except BaseException:
            self.leave(subscription)
            raise
        return subscription

    @contextlib.asynccontextmanager
    async def following(self, job_id: str) -> AsyncIterator[Subscription]:
        """As ``follow``, until the block ends."""
        subscription = await self.follow(job_id)
        try:
            yield subscription
        finally:
            self.leave(subscription)

    def leave(self, subscription: Subscription) -> None:
        """The listener goes away."""
        self._listeners.remove(subscription)
        self._idle_since = asyncio.get_running_loop().time()

    def learn(self, *queues: str) -> None:
        """Somebody waits for changes in these, which may be so new that they are not known."""
        if self._places.keys() >= set(queues):
            return
        self._learn_at = 0.0
        if self._reading is not None:
            self._reading.cancel()

    def end(self) -> None:
        """The process is about to end: listeners say goodbye, and so do those who come now."""
        self._is_ending = True
        self._listeners.end()

    async def close(self) -> None:
        """Stops at once."""
        self.end()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _started(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(self._store.seconds):
                await self._is_ready.wait()
        except TimeoutError:
            raise StoreUnavailableError("The store does not say what happens in it.") from None

    # ------------------------------------------------------------ the reader

    @property
    def _is_wanted(self) -> bool:
        idle_seconds = asyncio.get_running_loop().time() - self._idle_since
        return bool(self._listeners) or idle_seconds < self._linger_seconds

    async def _run(self) -> None:
        follower = Follower(self._store)
        failures = 0
        try:
            while self._is_wanted:
                failures = 0 if await self._follow(follower) else failures + 1
                if self._is_wanted:
                    await asyncio.sleep(_back_off_seconds(failures))
        finally:
            self._is_ready.clear()
            self._places, self._origins, self._task = {}, {}, None
            await follower.close()

    async def _follow(self, follower: Follower) -> bool:
        """Until it is interrupted, or nobody listens; whether it got as far as to follow."""
        is_begun = False
        try:
            await self._begin(follower)
            is_begun = True
            while self._is_wanted:
                await self._turn(follower)
        except (StoreUnavailableError, StoreDataError) as error:
            log = _log.info if is_begun else _log.debug
            log("events.interrupted", reason=str(error))
        except Exception:  # noqa: BLE001 - the boundary of a loop that has to go on
            _log.exception("events.crashed")
            self._listeners.lose()
        return is_begun

    async def _begin(self, follower: Follower) -> None:
        """After each connecting: changes that were handed out may be gone with a dead primary."""
        await follower.connect()
        queues = await follower.run(event_calls.names())
        if self._is_ready.is_set():
            checked = await follower.run(event_calls.places(self._places))
            self._places = checked.found
            if checked.unsound:
                _log.warning("events.lost", queues=sorted(checked.unsound))
                self._listeners.lose()
        else:
            found = await follower.run(event_calls.places(dict.fromkeys(queues)))
            self._since_ms, self._places = found.now_ms, found.found
            self._is_ready.set()
        await self._learn(follower, queues)

    async def _turn(self, follower: Follower) -> None:
        if asyncio.get_running_loop().time() >= self._learn_at:
            await self._learn(follower, await follower.run(event_calls.names()))
        if not self._places:
            await self._unless_hurried(asyncio.sleep(_LEARN_SECONDS))
            return
        found = await self._unless_hurried(follower.wait(self._places))
        if found is None:
            await self._begin(follower)  # it was hung up
        elif found:
            rows = merge(found, LIMIT)
            self._places.update((queue, place) for place, queue, _ in rows)
            self._listeners.hand_out(rows)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _learn(self, follower: Follower, queues: list[str]) -> None:
        """What is new began after us: all that happened in it since then is to be handed out."""
        new = [queue for queue in queues if queue not in self._places]
        if new:
            call = event_calls.places(dict.fromkeys(new), at_ms=self._since_ms - 1)
            found = (await follower.run(call)).found
            self._places.update(found)
            self._origins.update(found)
        self._learn_at = asyncio.get_running_loop().time() + _LEARN_SECONDS

    async def _unless_hurried(self, reading: Coroutine[Any, Any, Any]) -> Any:
        """None where ``learn`` called it off."""
        self._reading = asyncio.create_task(reading)
        try:
            return await self._reading
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                await _cancelled(self._reading)
                raise
            return None
        finally:
            self._reading = None


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _back_off_seconds(failures: int) -> float:
    least, most = _BACK_OFF_SECONDS
    longest = min(most, least * 2.0 ** min(failures, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 (it hides nothing)
