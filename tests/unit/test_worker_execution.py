"""What a task may leave behind."""

from __future__ import annotations

import pytest

from jobyard.errors import ResultTooLargeError
from jobyard_worker.execution import result_json

_MIB = 1024 * 1024


def test_a_result_of_bounded_size_is_json() -> None:
    assert len(result_json("report", "x" * (_MIB - 2), _MIB)) == _MIB


def test_a_result_that_is_too_large_is_refused_by_size() -> None:
    with pytest.raises(ResultTooLargeError, match=r"'report'.* 1048577 bytes.*1048576"):
        result_json("report", "x" * (_MIB - 1), _MIB)
