"""When a failed attempt is tried again. Pure; declared with a task, spent by the worker."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from jobyard.errors import MAX_RETRY_AFTER_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

MAX_RETRIES = 1_000
MAX_DELAY_SECONDS = MAX_RETRY_AFTER_SECONDS
MAX_TOTAL_SECONDS = 366 * 86_400.0
MAX_CLASSES = 50

ErrorClass = type[BaseException] | str
"""A class of exceptions, or its name as ``class_name`` writes it."""

_CLASS_NAME = re.compile(r"[^\W\d]\w*(\.([^\W\d]\w*|<locals>))*")


def class_name(kind: type[BaseException]) -> str:
    """The name of a class in policies, and in a job's ``error.type``: built-in ones are bare."""
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def class_names(kind: type[BaseException]) -> tuple[str, ...]:
    """The names of a class of exceptions and of all its bases, its own first."""
    return tuple(class_name(base) for base in kind.__mro__ if issubclass(base, BaseException))


def _named(value: Any) -> str:
    if isinstance(value, type) and issubclass(value, BaseException):
        return class_name(value)
    if not isinstance(value, str) or not _CLASS_NAME.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a class of exceptions: give one, or its name with its module, "
            "as in 'httpx.ConnectError'; built-in ones without"
        )
    return value.removeprefix("builtins.")


Delay = Annotated[float, Field(strict=True, ge=0, le=MAX_DELAY_SECONDS, allow_inf_nan=False)]
ClassName = Annotated[str, BeforeValidator(_named), Field(max_length=200)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What a policy decides on.

    Attributes:
        attempt: Which attempt failed, 1 for the first.
        names: ``class_names`` of what was raised.
        age_seconds: From the job's creation to the end of the attempt.
        retry_after_seconds: What the task asked for with ``RetryAfter``.
    """

    attempt: int
    names: Collection[str]
    age_seconds: float
    retry_after_seconds: float | None = None


class RetryPolicy(BaseModel):
    """Whether a failed job is tried again, how often, and after how long.

    With ``delays_seconds`` the delays are exactly those, in order; more retries than delays
    repeat the last one. Without, they grow: ``base_seconds * factor ** n``, at most
    ``cap_seconds``, then spread by ``± jitter`` (a share, so that jobs which failed together do
    not come back together).

    ``retry_on`` and ``give_up_on`` hold classes of exceptions, each with its subclasses. With
    ``retry_on`` no others are tried again; those of ``give_up_on`` never are, whatever
    ``retry_on`` says. After ``total_seconds`` from the job's creation no retry begins.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_retries: int = Field(0, strict=True, ge=0, le=MAX_RETRIES)
    delays_seconds: tuple[Delay, ...] = Field((), max_length=MAX_RETRIES)
    base_seconds: Delay = 1.0
    factor: float = Field(2.0, strict=True, ge=1, le=100, allow_inf_nan=False)
    cap_seconds: Delay = 600.0
    jitter: float = Field(0.1, strict=True, ge=0, le=1, allow_inf_nan=False)
    retry_on: tuple[ClassName, ...] = Field(
        (),
        max_length=MAX_CLASSES,
        description="Classes of exceptions as error.type names them: no others are tried again",
    )
    give_up_on: tuple[ClassName, ...] = Field(
        (), max_length=MAX_CLASSES, description="Classes that are never tried again"
    )
    total_seconds: float | None = Field(
        None,
        strict=True,
        gt=0,
        le=MAX_TOTAL_SECONDS,
        allow_inf_nan=False,
        description="No retry begins later than this after the job's creation",
    )

    @classmethod
    def fixed(
        cls,
        *delays_seconds: float,
        retry_on: Collection[ErrorClass] = (),
        give_up_on: Collection[ErrorClass] = (),
        total_seconds: float | None = None,
    ) -> Self:
        """One retry after each of ``delays_seconds``, exactly; the rest as in the class."""
        return cls(
            delays_seconds=delays_seconds,
            retry_on=retry_on,
            give_up_on=give_up_on,
            total_seconds=total_seconds,
        )

    @classmethod
    def exponential(
        cls,
        max_retries: int,
        base_seconds: float = 1.0,
        factor: float = 2.0,
        cap_seconds: float = 600.0,
        jitter: float = 0.1,
        *,
        retry_on: Collection[ErrorClass] = (),
        give_up_on: Collection[ErrorClass] = (),
        total_seconds: float | None = None,
    ) -> Self:
        """``max_retries`` retries after growing delays; the rest as in the class."""
        return cls(
            max_retries=max_retries,
            base_seconds=base_seconds,
            factor=factor,
            cap_seconds=cap_seconds,
            jitter=jitter,
            retry_on=retry_on,
            give_up_on=give_up_on,
            total_seconds=total_seconds,
        )

    def delay_after(self, failure: Failure, random: Callable[[], float]) -> float | None:
        """Seconds until the job is tried again; None: it is not.

        What a task asks for with ``RetryAfter`` replaces the delay and the classes, but not
        ``max_retries`` and ``total_seconds``.

        Args:
            failure: How the attempt failed.
            random: Draws from [0, 1), as ``random.random``.
        """
        asked = failure.retry_after_seconds
        if asked is None and not self.covers(failure.names):
            return None
        delay = self.delay_seconds(failure.attempt, random)
        if delay is None:
            return None
        delay = delay if asked is None else asked
        return delay if self._is_in_time(failure.age_seconds + delay) else None

    def covers(self, names: Collection[str]) -> bool:
        """Whether an exception whose ``class_names`` these are may be tried again."""
        if any(name in names for name in self.give_up_on):
            return False
        return not self.retry_on or any(name in names for name in self.retry_on)

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
        """The policy that ``to_json`` wrote, here or in a later version; empty text is no retries.

        Raises:
            ValueError: The text is not a policy.
        """
        return cls.model_validate_json(text, extra="ignore") if text else cls()

    def _grown(self, retry: int) -> float:
        try:
            grown = self.base_seconds * self.factor ** (retry - 1)
        except OverflowError:
            grown = self.cap_seconds if self.base_seconds else 0.0
        return min(grown, self.cap_seconds)

    def _is_in_time(self, age_seconds: float) -> bool:
        return self.total_seconds is None or age_seconds <= self.total_seconds

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

    @model_validator(mode="after")
    def _limits_of_something(self) -> Self:
        if not self.max_retries and (self.retry_on or self.give_up_on or self.total_seconds):
            raise ValueError("retry_on, give_up_on and total_seconds need max_retries above 0")
        both = sorted(set(self.retry_on) & set(self.give_up_on))
        if both:
            raise ValueError(f"{both[0]} is in retry_on and in give_up_on: leave it out of one")
        return self

    def _grows_as_told(self) -> bool:
        told = (self.base_seconds, self.factor, self.cap_seconds, self.jitter)
        return told != _GROWTH_DEFAULTS


_GROWTH_DEFAULTS = (1.0, 2.0, 600.0, 0.1)
