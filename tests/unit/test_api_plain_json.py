"""The quick reader of bodies: what it reads, the strict one reads just so; it never refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobyard_api.body import parse
from jobyard_api.json_size import Bounds
from jobyard_api.plain_json import read_plain

BOUNDS = Bounds(depth=4, values=60, keys=3)

PIECES = [
    "{", "}", "[", "]", ",", ":", '"a":', '"a": 1', '"b"', '"a:b"', " ", "\n", "\t", "\x00",
    "0", "-0", "-", "1.5", "1e5", "1E999", "-1e999", "01", "1.", ".5", "9223372036854775807",
    "9223372036854775808", "-9223372036854775809", "NaN", "Infinity", "-Infinity", "true", "null",
    "tru", '"', "\\", '"\\ud800"', '"\\ud83d\\ude00"', '"\\u003a"', '"\\/"', '"\\x"', "'a'", "é",
    "\ufeff", "😀",
]  # fmt: skip
NEARLY_JSON = st.lists(st.sampled_from(PIECES), max_size=12).map("".join).map(str.encode)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["NaN", "a:b", "Infinity", "1234567890123456789", "\ud800", "é"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner)
)
WRITTEN = st.builds(
    lambda value, ascii_only: json.dumps(value, ensure_ascii=ascii_only).encode(
        errors="surrogatepass"
    ),
    VALUES,
    st.booleans(),
)
PAIRS = st.lists(st.tuples(st.sampled_from(["a", "b", ":", "c:"]), WRITTEN), max_size=5)
WITH_REPEATED_KEYS = PAIRS.map(
    lambda pairs: b"{" + b",".join(b'"%s":%s' % (key.encode(), text) for key, text in pairs) + b"}"
)


def exactly(value: Any) -> str:
    """Tells 1 from 1.0 and from True, and 0.0 from -0.0."""
    return repr(value)


@given(NEARLY_JSON | WRITTEN | WITH_REPEATED_KEYS | st.binary(max_size=20))
@example(b'{"a": 1, "a": 2}')
@example(b'{"a:": 1, "a:": "\\u003a"}')
@example(b'{"a": 1e999}')
@example(b"[[[[[1]]]]]")
@example(b"[[[[[]]]], [[]]]")
@example(b"[[[[]]], [], {}, [[]]]")
@example(b"\xef\xbb\xbf{}")
@example(b'"\xed\xa0\x80"')
def test_what_it_reads_the_strict_reader_reads_just_so(body: bytes) -> None:
    value = read_plain(body, BOUNDS)

    if value is not None:
        assert exactly(value) == exactly(parse(body, BOUNDS))


@pytest.mark.parametrize(
    "body",
    [
        b'{"task": "add", "payload": {"a": 2, "b": -3}}',
        b'{"task": "mail", "payload": {"at": "2030-01-31T09:00:00Z", "to": "a:b", "x": 1.5e3}}',
        b'{"id": "0190b8a1-5e3c-7b0a-9d55-2f6c1f0a4e11", "n": 9007199254740993, "deep": [[{}]]}',
        '{"text": "é 😀 \\" \\n"}'.encode(),
        b"[]",
        b'{"jobs": [%s]}' % b",".join([b'{"task": "add", "payload": {"a": 1}}'] * 9),
    ],
    ids=str,
)
def test_it_reads_what_is_usually_sent(body: bytes) -> None:
    assert read_plain(body, BOUNDS) == json.loads(body)
