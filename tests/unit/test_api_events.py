"""Ids of events, the order of several streams, times to wait, what goes over the wire. All pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.store.events import START, WHOLE, Place, changes_of
from jobyard_api.events import sse
from jobyard_api.events.cursor import MARGIN_MS, MAX_CHARACTERS, cursor_of, text_of
from jobyard_api.events.merging import merge
from jobyard_api.waits import preferred, seconds_of
from support.event_stream import Parser

NOW = 1_900_000_000_000

names = st.text(min_size=1, max_size=20)
places = st.builds(
    Place,
    ms=st.integers(NOW, NOW + MARGIN_MS - 1),
    seq=st.integers(0, 10_000),
    nth=st.one_of(st.just(WHOLE), st.integers(0, 1_000)),
)


def entry(ms: int, *ids: str) -> tuple[bytes, list[bytes]]:
    return f"{ms}-0".encode(), [part.encode() for job in ids for part in (job, "queued")]


@given(st.dictionaries(names, places, min_size=1, max_size=10))
def test_places_within_a_minute_come_back_as_they_were(given_places: dict[str, Place]) -> None:
    text = text_of(given_places, NOW)

    cursor = cursor_of(text)
    assert cursor.places == given_places
    assert cursor.since_ms < min(place.ms for place in given_places.values())
    assert text.isascii()
    assert text.isprintable()


def test_a_queue_in_which_nothing_happened_lately_is_not_named() -> None:
    quiet, busy = Place(NOW - MARGIN_MS, 3), Place(NOW, 0)

    cursor = cursor_of(text_of({"quiet": quiet, "busy": busy}, 0))

    assert cursor.places == {"busy": busy}
    assert cursor.since_ms == quiet.ms


def test_a_thousand_quiet_queues_do_not_make_an_id_longer() -> None:
    quiet = {f"queue-{n}": Place(NOW - 10 * MARGIN_MS, n) for n in range(1000)}
    busy = {"busy": Place(NOW, 0)}

    assert text_of({**quiet, **busy}, 0) == text_of(busy, 0)


@pytest.mark.parametrize("without", [{}, {"new": START}], ids=["no queue", "no entry"])
def test_where_nothing_has_happened_the_id_is_the_beginning(without: dict[str, Place]) -> None:
    cursor = cursor_of(text_of(without, NOW))

    assert (cursor.since_ms, cursor.places) == (NOW, {})


@given(st.text(max_size=50))
def test_any_text_is_an_id_or_refused(text: str) -> None:
    try:
        cursor = cursor_of(text)
    except ValueError:
        return
    assert cursor.since_ms >= 0


def test_an_id_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="not an id"):
        cursor_of("1" + ",a:1.1" * MAX_CHARACTERS)


def test_several_streams_are_merged_by_time() -> None:
    found = {"a": [entry(1), entry(4)], "b": [entry(2), entry(3)]}

    assert [(row.queue, row.place.ms) for row in merge(found, 100)] == [
        ("a", 1), ("b", 2), ("b", 3), ("a", 4),
    ]  # fmt: skip


def test_nothing_overtakes_what_may_still_come_of_a_stream() -> None:
    found = {"a": [entry(1), entry(3)], "b": [entry(2), entry(9)], "c": [entry(4)]}

    assert [row.place.ms for row in merge(found, 2)] == [1, 2, 3]


def test_the_stream_that_is_behind_always_gets_on() -> None:
    found = {"a": [entry(1), entry(2)], "b": [entry(5), entry(6)]}

    assert [row.queue for row in merge(found, 2)] == ["a", "a"]


def test_an_entry_is_its_changes_in_order() -> None:
    changes = list(changes_of("q", (b"5-7", [b"j1", b"queued", b"j2", b'progress {"a":1}'])))

    assert [(c.id, c.what, c.value, c.place) for c in changes] == [
        ("j1", "queued", None, Place(5, 7, 0)),
        ("j2", "progress", {"a": 1}, Place(5, 7, 1)),
    ]


def test_data_that_is_no_json_is_none() -> None:
    [change] = changes_of("q", (b"5-7", [b"j1", b"progress {"]))

    assert change.value is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("30s", 30), ("500ms", 0.5), ("1m", 60), ("PT5S", 5), ("PT1M", 60), ("9m", 60)],
)
def test_a_time_to_wait_is_at_most_a_minute(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("wait=5", 5),
        ("WAIT=5", 5),
        ('respond-async, wait="7"; x=y', 7),
        ("wait=100", 60),
        ("wait", 0),
        ("wait=-1", 0),
        ("wait=٣", 0),
        ("return=minimal", 0),
        ("wait=3, wait=4", 3),
    ],
)
def test_a_preference_to_wait(header: str | None, seconds: float) -> None:
    assert preferred(header) == seconds


def test_an_event_is_what_a_client_reads() -> None:
    text = sse.hello("a") + sse.HEARTBEAT + sse.event("state", {"text": "one\ntwo"}, "b")
    parser = Parser()

    events = [event for line in text.decode().split("\n") if (event := parser.line(line))]

    assert [(event.kind, event.data, event.id) for event in events] == [
        ("state", {"text": "one\ntwo"}, "b")
    ]
    assert parser.comments == 1
    assert parser.retry_ms is not None
