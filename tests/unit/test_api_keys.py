"""API keys as text: how they are made, and which mistakes are found without a store."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.api_keys import digest_of, id_in, new_api_key


def test_a_new_key_is_one_word_with_its_prefix_and_its_id() -> None:
    key = new_api_key()

    assert re.fullmatch(r"yd_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}", key.text)
    assert id_in(key.text) == key.id


def test_keys_are_not_made_twice() -> None:
    keys = [new_api_key() for _ in range(1000)]

    assert len({key.id for key in keys}) == len({key.text for key in keys}) == 1000


def test_a_key_does_not_show_its_secret_by_accident() -> None:
    key = new_api_key()

    assert key.text not in repr(key)
    assert key.digest == digest_of(key.text).hex()


@given(at=st.integers(0, 64), letter=st.characters(min_codepoint=33, max_codepoint=126))
def test_one_wrong_letter_is_found(at: int, letter: str) -> None:
    text = new_api_key().text
    wrong = text[:at] + letter + text[at + 1 :]

    assert (id_in(wrong) is None) == (wrong != text)


@pytest.mark.parametrize("change", [str.lower, str.upper, lambda t: t[:-1], lambda t: t + "0"])
def test_a_key_that_was_copied_badly_is_none(change: object) -> None:
    text = new_api_key().text

    assert id_in(change(text)) is None  # type: ignore[operator]


@pytest.mark.parametrize(
    "text", ["", "yd_", "secret", "yd__", "yd_é", "\x00" * 65, "yd_\u0663" + "0" * 62]
)
def test_what_is_no_key_has_no_id(text: str) -> None:
    assert id_in(text) is None
