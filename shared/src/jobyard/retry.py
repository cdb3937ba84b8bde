"""When a failed attempt is tried again. Pure; declared with a task, spent by the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_RETRIES = 1_000
MAX_DELAY_SECONDS = 30 * 86_400.0

Delay = Annotated[float, Field(strict=True, ge=0, le=MAX_DELAY_SECONDS, allow_inf_nan=False)]


class RetryPolicy(BaseModel):
    """How often a failed job is tried again, and after how long.

    With ``delays_seconds`` the delays are exactly those, in order; more retries than delays
    repeat the last one. Without, they grow: ``base_seconds * factor ** n``, at most
    ``cap_seconds``, then spread by ``± jitter`` (a share, so that jobs which failed together do
    not come back together).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_retries: int = Field(0, strict=True, ge=0, le=MAX_RETRIES)
    delays_seconds: tuple[Delay, ...] = Field((), max_length=MAX_RETRIES)
    base_seconds: Delay = 1.0
    factor: float = Field(2.0, strict=True, ge=1, le=100, allow_inf_nan=False)
    cap_seconds: Delay = 600.0
    jitter: float = Field(0.1, strict=True, ge=0, le=1, allow_inf_nan=False)

    @classmethod
    def fixed(cls, *delays_seconds: float) -> Self:
        """One retry after each of ``delays_seconds``, exactly."""
        return cls(max_retries=len(delays_seconds), delays_seconds=delays_seconds)

    @classmethod
    def exponential(
        cls,
        max_retries: int,
        base_seconds: float = 1.0,
        factor: float = 2.0,
        cap_seconds: float = 600.0,
        jitter: float = 0.1,
    ) -> Self:
        """``max_retries`` retries after growing delays; see the class."""
        return cls(
            max_retries=max_retries,
            base_seconds=base_seconds,
            factor=factor,
            cap_seconds=cap_seconds,
            jitter=jitter,
        )

    def delay_seconds(self, retry: int, random: Callable[[], float]) -> float | None:
        """Seconds until retry number ``retry`` (1 for the first); None: the budget is used.

        Args:
            retry: Which retry, counted from 1.
            random: Draws from [0, 1), as ``random.random``.
        """
        if retry > self.max_retries:
            return None
        if self.delays_seconds:
            return self.delays_seconds[min(retry, len(self.delays_seconds)) - 1]
        return self._grown(retry) * (1 + self.jitter * (2 * random() - 1))

    def to_json(self) -> bytes:
        """The policy as JSON text, what equals a default left out; empty for no retries."""
        if self.max_retries == 0:
            return b""
        return self.model_dump_json(exclude_defaults=True).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """The policy that ``to_json`` wrote; empty text is no retries.

        Raises:
            ValueError: The text is not a policy.
        """
        return cls.model_validate_json(text) if text else cls()

    def _grown(self, retry: int) -> float:
        try:
            grown = self.base_seconds * self.factor ** (retry - 1)
        except OverflowError:
            grown = self.cap_seconds if self.base_seconds else 0.0
        return min(grown, self.cap_seconds)

    @model_validator(mode="before")
    @classmethod
    def _count_delays(cls, value: Any) -> Any:
        delays = value.get("delays_seconds") if isinstance(value, dict) else None
        if isinstance(delays, (list, tuple)) and delays and "max_retries" not in value:
            return {**value, "max_retries": len(delays)}
        return value

    @model_validator(mode="after")
    def _one_way_only(self) -> Self:
        if self.delays_seconds and not self.max_retries:
            raise ValueError("delays_seconds with max_retries 0: leave out one of them")
        if self.delays_seconds and self._grows_as_told():
            raise ValueError(
                "give either delays_seconds or base_seconds, factor, cap_seconds and jitter"
            )
        return self

    def _grows_as_told(self) -> bool:
        told = (self.base_seconds, self.factor, self.cap_seconds, self.jitter)
        return told != _GROWTH_DEFAULTS


_GROWTH_DEFAULTS = (1.0, 2.0, 600.0, 0.1)
