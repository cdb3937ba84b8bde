"""When a schedule comes due: intervals and cron expressions. Pure; times are aware.

Every scheduler computes the same ticks from the same declaration, with nothing stored: intervals
count from the Unix epoch, cron expressions from the calendar of their zone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECOND = timedelta(seconds=1)
_NEAR = timedelta(hours=3)
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST_SECONDS = 366 * 86_400
_INTERVAL = re.compile(r"(\d{1,9})\s*([smhd]?)")


class Timing(Protocol):
    """The ticks of a schedule."""

    def next_after(self, moment: datetime) -> datetime:
        """The first tick later than ``moment``, in UTC."""

    def latest_until(self, moment: datetime) -> datetime:
        """The last tick not later than ``moment``, in UTC."""


@dataclass(frozen=True, slots=True)
class Every:
    """The multiples of an interval since the Unix epoch."""

    seconds: int

    def next_after(self, moment: datetime) -> datetime:
        """As ``Timing``."""
        return self.latest_until(moment) + timedelta(seconds=self.seconds)

    def latest_until(self, moment: datetime) -> datetime:
        """As ``Timing``."""
        ticks = int(moment.timestamp() // self.seconds)
        return datetime.fromtimestamp(ticks * self.seconds, UTC)


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression in a time zone.

    Summer time as Debian's cron (cron(8)): what falls into the skipped hour runs once right after
    it, what falls into the repeated hour runs once; expressions with ``*`` for the minute or hour
    follow the clock that really ran.
    """

    expression: str
    zone: ZoneInfo

    def next_after(self, moment: datetime) -> datetime:
        """As ``Timing``."""
        # In a repeated hour the simulation may name a tick that has passed.
        return next(tick for tick in self._forward(moment) if tick > moment)

    def latest_until(self, moment: datetime) -> datetime:
        """As ``Timing``."""
        just_after = moment.replace(microsecond=0) + _SECOND
        backward = CronSim(self.expression, just_after.astimezone(self.zone), reverse=True)
        latest = next(backward).astimezone(UTC)
        if self._changes_offset(moment):
            # Near a change the way backwards can differ by an hour; a tick has one name only.
            return self._last_forward(next(backward).astimezone(UTC) - _NEAR, moment)
        return latest

    def _changes_offset(self, moment: datetime) -> bool:
        before, after = ((moment + step).astimezone(self.zone) for step in (-_NEAR, _NEAR))
        return before.utcoffset() != after.utcoffset()

    def _last_forward(self, start: datetime, moment: datetime) -> datetime:
        latest = start
        for tick in self._forward(start):
            if tick > moment:
                break
            latest = tick
        return latest

    def _forward(self, moment: datetime) -> Iterator[datetime]:
        for tick in CronSim(self.expression, moment.astimezone(self.zone)):
            yield tick.astimezone(UTC)


def parse_every(text: str | float) -> Every:
    """An interval such as ``30``, ``"30s"``, ``"5m"``, ``"2h"`` or ``"1d"``.

    Raises:
        ValueError: It is none, or not a whole number of seconds up to 366 days.
    """
    if isinstance(text, str):
        match = _INTERVAL.fullmatch(text.strip())
        seconds: float = int(match[1]) * _UNITS[match[2]] if match else 0
    else:
        seconds = text
    if not 1 <= seconds <= _LONGEST_SECONDS or seconds != int(seconds):
        raise ValueError(
            f"{text!r} is no interval: use whole seconds, '30s', '5m', '1d', at most 366 days"
        )
    return Every(int(seconds))


def parse_zone(name: str) -> ZoneInfo:
    """An IANA time zone.

    Raises:
        ValueError: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no IANA time zone such as 'Europe/Berlin'") from None


def parse_cron(expression: str, zone: ZoneInfo, now: datetime) -> Cron:
    """A cron expression of five fields, or of six with seconds first.

    Raises:
        ValueError: It cannot be read, or has no tick before and after ``now``.
    """
    cron = Cron(expression, zone)
    try:
        cron.next_after(now)
        cron.latest_until(now)
    except CronSimError as error:
        raise ValueError(f"{expression!r} is no cron expression ({error})") from None
    except StopIteration:
        raise ValueError(f"{expression!r} never comes due") from None
    return cron
