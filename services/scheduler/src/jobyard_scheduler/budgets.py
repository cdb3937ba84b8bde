"""How many bytes the ended jobs of each queue may take, as a setting says it. Pure."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the settings read it
from dataclasses import dataclass, field

from typing_extensions import override

from jobyard.lanes import base_of
from jobyard.queues import check_name


@dataclass(frozen=True, slots=True)
class Budgets:
    """Bytes by queue, and for all others; 0 means no budget."""

    others: int = 0
    by_queue: Mapping[str, int] = field(default_factory=dict)

    def of(self, queue: str) -> int:
        """The budget of one queue; a lane has that of its queue, for itself."""
        return self.by_queue.get(queue, self.by_queue.get(base_of(queue), self.others))

    @override
    def __str__(self) -> str:
        """As it is set."""
        named = (f"{queue}:{number}" for queue, number in self.by_queue.items())
        return ",".join([str(self.others), *named])


def budgets_from(text: str) -> Budgets:
    """Reads ``500000000``, ``reports:2000000000``, or both with a comma.

    Raises:
        ValueError: It is not that.
    """
    others: int | None = None
    by_queue: dict[str, int] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, colon, number = part.rpartition(":")
        if not colon and others is not None:
            raise ValueError("two numbers without a queue")
        if colon:
            by_queue[check_name(name.strip(), "queue")] = _bytes(number)
        else:
            others = _bytes(number)
    return Budgets(others or 0, by_queue)


def _bytes(text: str) -> int:
    number = text.strip()
    if not (number.isascii() and number.isdigit()):
        raise ValueError(f"{number!r} is no number of bytes")
    return int(number)
