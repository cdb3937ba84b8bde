"""Counts of latencies in buckets of less than 1.6 % width, as HDR histograms have them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_EXACT = 128
_HALF = 64
_BITS = 7


@dataclass(slots=True)
class Histogram:
    """Values are microseconds; ``counts`` maps a bucket's number to how many fell into it."""

    counts: dict[int, int] = field(default_factory=dict)

    def add(self, microseconds: int, times: int = 1) -> None:
        """Counts one value; what is below zero (a clock that was set) counts as zero."""
        bucket = bucket_of(max(0, microseconds))
        self.counts[bucket] = self.counts.get(bucket, 0) + times

    def merge(self, counts: Mapping[int, int]) -> None:
        """Adds the counts of another one."""
        for bucket, count in counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count

    @property
    def total(self) -> int:
        """How many values there are."""
        return sum(self.counts.values())

    def quantile(self, share: float) -> int | None:
        """The value that ``share`` (0 to 1) of all do not exceed; None when there are none."""
        wanted = share * self.total
        for value, upto in self.cumulated():
            if upto >= wanted:
                return value
        return None

    def above(self, microseconds: int) -> int:
        """How many values are in buckets above that of ``microseconds``."""
        limit = bucket_of(microseconds)
        return sum(count for bucket, count in self.counts.items() if bucket > limit)

    def cumulated(self) -> Iterator[tuple[int, int]]:
        """Each bucket's middle with the number of values up to there, in ascending order."""
        upto = 0
        for bucket in sorted(self.counts):
            upto += self.counts[bucket]
            yield middle_of(bucket), upto


def bucket_of(value: int) -> int:
    """The bucket of a value: exact below 128, then 64 buckets for each power of two."""
    if value < _EXACT:
        return value
    shift = value.bit_length() - _BITS
    return _EXACT + (shift - 1) * _HALF + (value >> shift) - _HALF


def middle_of(bucket: int) -> int:
    """The value in the middle of a bucket."""
    if bucket < _EXACT:
        return bucket
    shift, place = divmod(bucket - _EXACT, _HALF)
    lowest = (place + _HALF) << (shift + 1)
    return lowest + (1 << shift)
