"""Pages over several queues: every job once, newest first, whatever a page holds."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.store.records import Cursor, JobPage
from jobyard_api.listing import merge, place_of, token_of
from jobyard_api.problems import RefusalError

if TYPE_CHECKING:
    from jobyard.store.records import JobRecord

Rows = list[tuple[float, str]]


def page(rows: Rows, before: Cursor | None, looks: int, hidden: frozenset[str]) -> JobPage:
    """As ``list.lua``: looks at a bounded number below a place, and shows what the filter lets."""
    below = [row for row in rows if before is None or row < (before.score, before.id)]
    seen = below[:looks]
    shown = [row for row in seen if row[1] not in hidden]
    jobs = cast("tuple[JobRecord, ...]", tuple(job_id for _, job_id in shown))
    following = Cursor(*seen[-1]) if len(below) > looks else None
    return JobPage(jobs, following, tuple(Cursor(*row) for row in shown))


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), max_size=40),
    st.sets(st.integers(0, 39)),
    st.integers(1, 7),
    st.integers(1, 7),
)
def test_walking_shows_every_job_once_in_order(
    spread: list[tuple[int, int]], hidden_numbers: set[int], limit: int, looks: int
) -> None:
    rows = [(float(score), f"id{n:02}", queue) for n, (score, queue) in enumerate(spread)]
    hidden = frozenset(f"id{n:02}" for n in hidden_numbers)
    queues: list[Rows] = [
        sorted(((score, name) for score, name, of in rows if of == queue), reverse=True)
        for queue in range(4)
    ]

    shown: list[object] = []
    before: Cursor | None = None
    for _ in range(len(rows) * 4 + 1):
        found, before = merge([page(queue, before, looks, hidden) for queue in queues], limit)
        assert len(found) <= limit
        shown += found
        if before is None:
            break

    ordered = sorted(((score, name) for score, name, _ in rows), reverse=True)
    assert before is None
    assert shown == [name for _, name in ordered if name not in hidden]


letters = st.characters(exclude_categories=["Cs"])


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(letters, max_size=100))
def test_a_token_means_the_place_it_was_made_from(score: float, name: str) -> None:
    place = Cursor(score, name)

    assert place_of(token_of(place)) == place


def test_there_is_no_token_after_the_last_page() -> None:
    assert token_of(None) is None
    assert place_of(None) is None


@given(st.text(max_size=60))
def test_any_other_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(RefusalError):
        assert place_of(text) is not None


def test_a_token_of_a_million_letters_is_refused() -> None:
    with pytest.raises(RefusalError):
        place_of("W" * 1_000_000)


def test_equal_places_of_two_queues_are_both_shown() -> None:
    both = [page([(1.0, name)], None, 9, frozenset()) for name in ("a", "b")]

    found, following = merge(both, 9)
    names = [str(name) for name in found]

    assert (names, following) == (["b", "a"], None)
