"""RQ's ``data`` field of our jobs."""

from __future__ import annotations

import json
import pickle
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rq.serializers import JSONSerializer

from jobyard.errors import UnreadableJobError
from jobyard.store import data as data_module
from jobyard.store.data import PERFORM, decode_data, encode_data

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
payloads = st.dictionaries(
    text, st.recursive(st.none() | st.integers(-(2**63), 2**63) | text, st.lists, max_leaves=5)
)


@given(text, payloads)
def test_task_and_payload_come_back_as_they_went(task: str, payload: dict[str, Any]) -> None:
    found = decode_data(encode_data(task, json.dumps(payload).encode()))

    assert (found.function, found.task, found.payload) == (PERFORM, task, payload)


@given(text, payloads)
def test_rq_reads_the_same(task: str, payload: dict[str, Any]) -> None:
    serializer: Any = JSONSerializer

    found = serializer.loads(encode_data(task, json.dumps(payload).encode()))

    assert list(found) == [PERFORM, None, [task, payload], {}]


def test_compressed_data_is_read_too() -> None:
    found = decode_data(zlib.compress(encode_data("echo", b'{"a": 1}')))

    assert (found.task, found.payload) == ("echo", {"a": 1})


def test_a_missing_payload_is_an_empty_one() -> None:
    assert decode_data(json.dumps([PERFORM, None, ["echo"], {}]).encode()).payload == {}


@given(st.binary(max_size=40))
def test_no_bytes_do_anything_but_read_or_be_refused(data: bytes) -> None:
    try:
        decode_data(data)
    except UnreadableJobError:
        return


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:  # type: ignore[explicit-override]
        return pytest.fail, ("unpickled",)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_named_and_never_loaded(protocol: int) -> None:
    data = zlib.compress(pickle.dumps(Trap(), protocol))

    with pytest.raises(UnreadableJobError, match=r"pickled.*JSONSerializer"):
        decode_data(data)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("text", "not RQ's"),
        ([PERFORM, None, ["echo", {}]], "not RQ's"),
        ([3, None, [], {}], "not RQ's"),
        (["builtins.eval", None, ["1"], {}], "not a Jobyard task"),
        ([PERFORM, None, [], {}], "takes a task name"),
        ([PERFORM, None, ["echo", {}, 3], {}], "takes a task name"),
        ([PERFORM, None, ["echo", []], {}], "takes a task name"),
        ([PERFORM, None, [3, {}], {}], "takes a task name"),
        ([PERFORM, None, ["echo"], {"a": 1}], "takes a task name"),
    ],
)
def test_a_call_of_another_shape_is_refused(call: Any, says: str) -> None:
    with pytest.raises(UnreadableJobError, match=says):
        decode_data(json.dumps(call).encode())


@pytest.mark.parametrize("cut", [3, 10, -1])
def test_broken_compression_is_refused(cut: int) -> None:
    data = zlib.compress(encode_data("echo", b"{}"))

    with pytest.raises(UnreadableJobError):
        decode_data(data[:cut])


def test_a_record_that_unpacks_to_gigabytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_module, "MAX_DATA_BYTES", 1_000)

    with pytest.raises(UnreadableJobError, match="larger than 1000 bytes"):
        decode_data(zlib.compress(encode_data("echo", b'{"a": "%s"}' % (b"x" * 2_000))))
