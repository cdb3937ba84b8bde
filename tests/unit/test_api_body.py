"""Strict JSON: what passes is what was sent, and what could not be read back does not pass."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard_api.body import Bounds, parse
from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError

BOUNDS = Bounds(depth=32, values=1_000)

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)


def refusal(body: bytes) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        parse(body, BOUNDS)
    return caught.value


@given(values)
def test_sound_json_is_read_as_it_was_written(value: Any) -> None:
    assert parse(json.dumps(value).encode(), BOUNDS) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode(), BOUNDS) == value


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(RefusalError):
        value = parse(body, BOUNDS)
        assert json.loads(json.dumps(value, allow_nan=False)) == value


@given(st.text(st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF), min_size=1, max_size=1))
def test_half_a_surrogate_pair_is_refused_in_values_and_keys(half: str) -> None:
    in_value = refusal(json.dumps({"a": ["x", half]}).encode())
    in_key = refusal(json.dumps({"a": {half: 1}}).encode())

    assert (in_value.code, in_value.errors[0].pointer) == (Code.UNSAFE_JSON, "/a/1")
    assert (in_key.code, in_key.errors[0].pointer) == (Code.UNSAFE_JSON, "/a")


def test_a_whole_surrogate_pair_is_a_letter() -> None:
    assert parse(rb'"\ud83d\ude00"', BOUNDS) == "\U0001f600"


def test_every_place_is_named() -> None:
    body = b'{"a": NaN, "b": [1e999, -1e999], "c": {"d": 1, "d": 2}, "e": 99999999999999999999}'

    found = refusal(body)

    assert [error.pointer for error in found.errors] == ["/a", "/b/0", "/b/1", "/c", "/e"]


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**400])
def test_an_integer_beyond_64_bits_is_refused(number: int) -> None:
    assert refusal(b'{"n": %d}' % number).errors[0].pointer == "/n"


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_nesting_is_bounded(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"

    assert parse(opening * 32 + b"1" + closing * 32, BOUNDS) is not None
    assert refusal(opening * 33 + b"1" + closing * 33).code is Code.UNSAFE_JSON
    assert refusal(opening * 100_000 + b"1" + closing * 100_000).code is Code.UNSAFE_JSON


def test_brackets_in_a_text_are_no_nesting() -> None:
    text = "[{" * 5_000 + "," * 5_000

    assert parse(json.dumps([text]).encode(), BOUNDS) == [text]


def test_the_number_of_values_is_bounded() -> None:
    assert len(parse(json.dumps([0] * 999).encode(), BOUNDS)) == 999
    assert refusal(json.dumps([0] * 1_000).encode()).code is Code.UNSAFE_JSON
    assert refusal(json.dumps({str(n): 0 for n in range(1_000)}).encode()).code is Code.UNSAFE_JSON


def test_a_repeated_key_is_found_among_very_many() -> None:
    """Comparing each key with each other one would hold up all other requests for minutes."""
    keys = [str(number) for number in range(100_000)]
    body = ",".join(f'"{key}":1' for key in [*keys, "99999"])

    found = refusal(f"{{{body}}}".encode())

    assert '"99999" stands twice' in found.errors[0].detail


@pytest.mark.parametrize(
    "body", [b"{", b"[1,]", b"{'a': 1}", b"nul", b'"\x01"', b"01", b"1 2", b"\xff", b"\xed\xa0\x80"]
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    assert refusal(body).code is Code.MALFORMED_JSON
