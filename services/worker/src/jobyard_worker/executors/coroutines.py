"""Runs ``async def`` tasks so that they can be told to end, at their time limit or from outside."""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from jobyard_worker.stop import Stop, error_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine


class Watched:
    """One coroutine on a running event loop."""

    __slots__ = ("_asked", "_limit_seconds", "_loop", "_task", "_why")

    def __init__(self, limit_seconds: float | None) -> None:
        self._limit_seconds = limit_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._asked: Stop | None = None
        self._why: Stop | None = None

    async def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Awaits ``coroutine``; returns its value or raises what it raised.

        Raises:
            JobTimeoutError: It was cancelled at its limit.
            JobCanceledError: It was cancelled by ``stop``.
        """
        import asyncio  # noqa: PLC0415 - many workers never need it

        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if self._asked is not None:
            coroutine.close()
            raise error_of(self._asked, self._limit_seconds)
        timer = self._timer(self._loop)
        try:
            return await coroutine
        except asyncio.CancelledError:
            if self._why is None:
                raise
            raise error_of(self._why, self._limit_seconds) from None
        finally:
            self._task = None
            if timer is not None:
                timer.cancel()

    def stop(self, why: Stop) -> None:
        """Cancels it at its next ``await``; for any thread, nothing once it has ended."""
        self._asked = why
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cancel, why)

    def _timer(self, loop: asyncio.AbstractEventLoop) -> asyncio.TimerHandle | None:
        if self._limit_seconds is None:
            return None
        return loop.call_later(self._limit_seconds, self._cancel, Stop.TIMEOUT)

    def _cancel(self, why: Stop) -> None:
        """The first reason stays: who swallows it is not told again."""
        if self._task is not None and self._why is None:
            self._why = why
            self._task.cancel()


class Coroutines:
    """Runs one coroutine after another in a thread, on an event loop made with the first."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None
        self._watched: Watched | None = None

    def run(self, coroutine: Coroutine[Any, Any, Any], watched: Watched | None = None) -> Any:
        """Runs ``coroutine`` to its end; as ``Watched.run`` of ``watched``, or of a new one."""
        if self._runner is None:
            import asyncio  # noqa: PLC0415 - many workers never need it

            self._runner = asyncio.Runner()
        self._watched = watched or Watched(None)
        try:
            # Else the runner's own context, that of the thread's first job, would be this one's.
            return self._runner.run(self._watched.run(coroutine), context=copy_context())
        finally:
            self._watched = None
            self._cancel_rest(self._runner)

    def stop(self, why: Stop) -> bool:
        """Cancels what runs, from any thread; False when no coroutine does."""
        watched = self._watched
        if watched is None:
            return False
        watched.stop(why)
        return True

    def _cancel_rest(self, runner: asyncio.Runner) -> None:
        """What a job left running ends with it, and does not go on under the next one."""
        from asyncio import all_tasks, gather  # noqa: PLC0415 - as above

        rest = all_tasks(runner.get_loop())
        for task in rest:
            task.cancel()
        if rest:
            runner.get_loop().run_until_complete(gather(*rest, return_exceptions=True))
