"""Names of queues, tasks and jobs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.queues import JOB_ID_PATTERN, NAME_PATTERN, check_name, split_names


@given(st.from_regex(NAME_PATTERN.rstrip("$") + r"\Z"))
def test_a_good_name_is_returned(name: str) -> None:
    assert check_name(name, "queue") == name


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "a:b", "a\n", "ä", "a" * 65, "{a}"])
def test_a_bad_name_is_refused_with_its_kind(name: str) -> None:
    with pytest.raises(ValueError, match="queue name"):
        check_name(name, "queue")


def test_a_comma_list_keeps_its_order_and_each_name_once() -> None:
    assert split_names(" high, low ,high,, default") == ("high", "low", "default")


@pytest.mark.parametrize("text", ["", " , ", "a,b c"])
def test_a_list_without_good_names_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="queue"):
        split_names(text)


def test_a_job_id_may_be_what_the_older_systems_made() -> None:
    assert re.match(JOB_ID_PATTERN, "JOB-0b7cf6a4-86c8-4f6e-9b5e-31cbb9f8d8b1")
