"""What is generated from the code is committed as generated, and names everything there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from jobyard_api.idempotency import PATTERN, fingerprint
from jobyard_api.models import JobRequest
from jobyard_api.problem_types import PROBLEM_TYPES, Code
from jobyard_api.reference import generated_files

DOCS = Path(__file__).resolve().parents[2] / "docs"
FILES = generated_files()
REFERENCE: dict[str, Any] = json.loads(FILES["openapi.json"])
OPERATIONS = [
    pytest.param(operation, id=f"{method} {path}")
    for path, methods in REFERENCE["paths"].items()
    for method, operation in methods.items()
]


_PROBLEMS = {"application/problem+json"}
_SUCCESSES = {"application/json", "text/event-stream", "application/schema+json"}
NO_CONTENT = 204


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_generated_file_is_committed_as_generated(name: str) -> None:
    committed = (DOCS / name).read_text("utf-8")

    assert committed == FILES[name], "run: make reference"


def test_no_page_is_left_of_a_code_that_is_gone() -> None:
    pages = {f"errors/{page.name}" for page in (DOCS / "errors").glob("*.md")}

    assert pages == {name for name in FILES if name.startswith("errors/")}


def test_every_code_has_a_problem_type() -> None:
    assert set(PROBLEM_TYPES) == set(Code)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_has_a_name_a_tag_and_problems_for_its_errors(
    operation: dict[str, Any],
) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"])
    assert len(operation["tags"]) == 1
    for status, response in operation["responses"].items():
        if int(status) == NO_CONTENT:
            assert "content" not in response
            continue
        [media_type] = response["content"]
        assert media_type in (_PROBLEMS if int(status) >= 400 else _SUCCESSES)


def test_names_of_operations_are_used_once() -> None:
    names = [operation.values[0]["operationId"] for operation in OPERATIONS]  # type: ignore[index]

    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere() -> None:
    for target in set(re.findall(r'"#/([^"]+)"', FILES["openapi.json"])):
        place = REFERENCE
        for step in target.split("/"):
            assert step in place, target
            place = place[step]


@pytest.mark.parametrize("key", ["a", "a b", '"a"', '" a "', "8e03978e-40d5-43dd", "x" * 255])
def test_an_idempotency_key_may_be_quoted_or_not(key: str) -> None:
    assert re.match(PATTERN, key)


@pytest.mark.parametrize("key", ["", " a", "a ", '"', '""', '"a', 'a"b', "ä", "a\n", "x" * 256])
def test_a_malformed_idempotency_key_does_not_match(key: str) -> None:
    assert not re.fullmatch(PATTERN, key)


def test_requests_that_mean_the_same_have_one_fingerprint() -> None:
    one = JobRequest(task="t", payload={"a": 1, "b": {"c": 2, "d": 3}})
    same = JobRequest(payload={"b": {"d": 3, "c": 2}, "a": 1}, task="t")
    other = JobRequest(task="t", payload={"a": 1, "b": {"c": 2, "d": "3"}})

    assert fingerprint(one) == fingerprint(same)
    assert fingerprint(one) != fingerprint(other)
