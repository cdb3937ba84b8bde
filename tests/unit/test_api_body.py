"""Strict JSON: what passes is what was sent, and what could not be read back does not pass."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard_api.body import MAX_REFUSED, parse
from jobyard_api.json_size import Bounds, has_too_many_values, values_in
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


def refusal(body: bytes, bounds: Bounds = BOUNDS) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        parse(body, bounds)
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

    found = refusal(f"{{{body}}}".encode(), Bounds(values=200_000, keys=200_000))

    assert '"99999" stands twice' in found.errors[0].detail


@pytest.mark.parametrize(
    "body", [b"{", b"[1,]", b"{'a': 1}", b"nul", b'"\x01"', b"01", b"1 2", b"\xff", b"\xed\xa0\x80"]
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    assert refusal(body).code is Code.MALFORMED_JSON


@given(values)
def test_values_are_counted_without_parsing(value: Any) -> None:
    def count(found: Any) -> int:
        inside = found.values() if isinstance(found, dict) else found
        return 1 + (sum(map(count, inside)) if isinstance(found, dict | list) else 0)

    assert values_in(json.dumps(value).encode()) == count(value)
    assert values_in(json.dumps(value, ensure_ascii=False, indent=1).encode()) == count(value)


@pytest.mark.parametrize("text", ['"', "\\", '\\"', "a"])
def test_quotes_are_counted_whatever_the_texts_hold(text: str) -> None:
    most = json.dumps({f"{number}{text}": text * 9 for number in range(999)}).encode()
    more = json.dumps({f"{number}{text}": text * 9 for number in range(5_000)}).encode()

    assert not has_too_many_values(most, BOUNDS)
    assert has_too_many_values(more, BOUNDS)


@given(st.binary(max_size=200))
def test_values_of_what_is_no_json_are_some_number(body: bytes) -> None:
    assert values_in(body) > 0


@pytest.mark.parametrize("unit", [b"NaN,", b"1e999,", b"99999999999999999999,", b'{"a":1,"a":2},'])
def test_what_must_be_refused_everywhere_is_not_read_to_its_end(unit: bytes) -> None:
    body = b"[" + unit * (MAX_REFUSED + 1) + b"1]"

    [error] = refusal(body).errors

    assert error.pointer == ""
    assert "and so on" in error.detail


def test_a_number_of_too_many_characters_is_refused() -> None:
    assert parse(b"[0.%s]" % (b"1" * 1_000), BOUNDS) == [0.1111111111111111]
    assert "characters" in refusal(b"[0.%s]" % (b"1" * 1_100)).errors[0].detail


def test_the_keys_of_an_object_are_bounded() -> None:
    bounds = Bounds(keys=100)
    keys = {str(number): number for number in range(100)}

    assert parse(json.dumps([keys, keys]).encode(), bounds) == [keys, keys]
    [error] = refusal(json.dumps({"a": {**keys, "one more": 1}}).encode(), bounds).errors
    assert error.detail == "an object has more than 100 keys"
