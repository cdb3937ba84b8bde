"""Which jobs a query asks for, and the opaque tokens between pages."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.store.records.job import Cursor
from jobyard_api.listing import filter_of, place_of, token_of
from jobyard_api.models import JobQuery
from jobyard_api.principal import ANYBODY, Principal
from jobyard_api.problems import RefusalError

letters = st.characters(exclude_categories=["Cs"])
ACME = Principal("key", "acme", frozenset())


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


@pytest.mark.parametrize("asked", [None, "acme"])
def test_a_tenant_asks_for_its_own_jobs(asked: str | None) -> None:
    assert filter_of(JobQuery(tenant=asked), ACME).owner == "acme"


def test_a_tenant_may_not_ask_for_anothers_jobs() -> None:
    with pytest.raises(RefusalError) as refused:
        filter_of(JobQuery(tenant="other"), ACME)

    assert refused.value.errors[0].parameter == "tenant"


@pytest.mark.parametrize("asked", [None, "acme"])
def test_operators_ask_for_any_tenants_jobs(asked: str | None) -> None:
    assert filter_of(JobQuery(tenant=asked), ANYBODY).owner == asked
