"""What a scenario does to the yard while it runs, as text and as a value."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("worker", "scheduler", "api", "store")


@dataclass(frozen=True, slots=True, order=True)
class Blow:
    """SIGKILL to the oldest process of a kind, or a stop for a while.

    ``second`` counts from the run's start; ``freeze_seconds`` is None for a kill.
    """

    second: float
    kind: str
    freeze_seconds: float | None = None

    @classmethod
    def parse(cls, text: str) -> Blow:
        """Reads ``worker@30`` (a kill) and ``api@5+5`` (frozen for five seconds).

        Raises:
            ValueError: It is nothing like that.
        """
        kind, _, when = text.partition("@")
        second, freezes, seconds = when.partition("+")
        if kind not in KINDS:
            raise ValueError(f"{text!r}: name one of {', '.join(KINDS)}, as in worker@30")
        return cls(float(second), kind, float(seconds) if freezes else None)
