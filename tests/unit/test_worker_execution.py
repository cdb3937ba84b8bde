"""What a task may leave behind."""

from __future__ import annotations

import pytest

from jobyard.errors import ResultNotStorableError
from jobyard_worker.execution import result_json

_MIB = 1024 * 1024


def test_a_result_of_bounded_size_is_json() -> None:
    assert len(result_json("report", "x" * (15 * _MIB))) == 15 * _MIB + 2


def test_a_result_that_is_too_large_is_refused_by_size() -> None:
    with pytest.raises(ResultNotStorableError, match=r"'report'.* 17\.0 MiB"):
        result_json("report", "x" * (17 * _MIB))
