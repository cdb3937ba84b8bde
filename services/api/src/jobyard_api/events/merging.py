"""Entries of several streams in the order of their time, as far as that order is known. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jobyard.store.events import Place, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobyard.store.events import Entry


class Row(NamedTuple):
    """One entry of the stream of a queue."""

    place: Place
    queue: str
    entry: Entry


def merge(found: Mapping[str, Sequence[Entry]], limit: int) -> list[Row]:
    """All entries by time, up to the first place behind which a stream may have more.

    A stream that has ``limit`` of them is not known behind its last one. What other streams have
    behind that is left out, and asked for again: so nothing overtakes what happened before it.
    """
    rows = [
        Row(place_of(entry[0]), queue, entry)
        for queue, entries in found.items()
        for entry in entries
    ]
    rows.sort(key=lambda row: row[:2])
    ends = [place_of(entries[-1][0]).ms for entries in found.values() if len(entries) >= limit]
    return [row for row in rows if row.place.ms <= min(ends)] if ends else rows
