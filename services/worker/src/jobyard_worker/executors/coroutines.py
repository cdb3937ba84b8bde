"""Runs ``async def`` tasks in the thread that serves a slot, on one event loop for each thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine


class Coroutines:
    """An event loop that is made with the first coroutine."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Runs ``coroutine`` to its end; returns its value or raises what it raised."""
        if self._runner is None:
            import asyncio  # noqa: PLC0415 - many workers never need it

            self._runner = asyncio.Runner()
        try:
            return self._runner.run(coroutine)
        finally:
            self._cancel_rest(self._runner)

    def _cancel_rest(self, runner: asyncio.Runner) -> None:
        """What a job left running ends with it, and does not go on under the next one."""
        from asyncio import all_tasks, gather  # noqa: PLC0415 - as above

        rest = all_tasks(runner.get_loop())
        for task in rest:
            task.cancel()
        if rest:
            runner.get_loop().run_until_complete(gather(*rest, return_exceptions=True))
