"""How long to wait before the store is asked again. Pure: randomness is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_SECONDS = 0.1
_MOST_SECONDS = 2.0


class Backoff:
    """Doubling waits, the upper half of each drawn, so that workers do not come back at once."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._tries = 0

    def next_seconds(self) -> float:
        """The next wait."""
        longest = min(_FIRST_SECONDS * 2.0 ** min(self._tries, 10), _MOST_SECONDS)
        self._tries += 1
        return longest * (0.5 + self._random() / 2)

    def reset(self) -> None:
        """It went well: the next wait is a short one."""
        self._tries = 0
