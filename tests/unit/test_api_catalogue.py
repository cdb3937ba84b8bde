"""Payload checks: which mismatch is named where, and which schemas are not taken."""

from __future__ import annotations

from typing import Any

import pytest

from jobyard.catalogue import record_of
from jobyard.errors import InvalidPayloadError
from jobyard.registry import discover
from jobyard.settings import Settings
from jobyard.store.records.catalogue import PublishedTask
from jobyard_api.catalogue import KnownTask, compile_schema

TASKS = {task.name: record_of(task, Settings.load(_env_file=None)) for task in discover(()).tasks()}


def problems(schema: dict[str, Any], payload: dict[str, Any]) -> list[str]:
    known = KnownTask(PublishedTask(TASKS["echo"]), compile_schema(schema))
    with pytest.raises(InvalidPayloadError) as caught:
        known.check(payload)
    return [place for place, _ in caught.value.problems]


def test_a_missing_key_is_named_by_itself() -> None:
    schema = {"type": "object", "required": ["a", "b/c"]}

    assert problems(schema, {}) == ["/a", "/b~1c"]


def test_an_unknown_key_is_named_by_itself() -> None:
    schema = {"type": "object", "additionalProperties": False}

    assert sorted(problems(schema, {"x": 1, "y~": 2})) == ["/x", "/y~0"]


def test_a_nested_mismatch_is_named_by_its_path() -> None:
    schema = {"properties": {"list": {"items": {"properties": {"n": {"type": "integer"}}}}}}

    assert problems(schema, {"list": [{"n": 1}, {"n": "x"}]}) == ["/list/1/n"]


def test_a_wrong_email_address_is_a_mismatch() -> None:
    schema = {"properties": {"to": {"type": "string", "format": "email"}}}

    assert problems(schema, {"to": "nobody"}) == ["/to"]


def test_a_time_without_offset_is_left_to_the_task() -> None:
    schema = {"properties": {"at": {"type": "string", "format": "date-time"}}}

    KnownTask(PublishedTask(TASKS["echo"]), compile_schema(schema)).check(
        {"at": "2030-01-01T10:00:00"}
    )


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"$ref": "http://127.0.0.1:1/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#/$defs/missing"},
        {"properties": {"a": {"pattern": "("}}},
    ],
    ids=str,
)
def test_a_schema_that_cannot_be_used_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        compile_schema(schema)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_the_schema_of_every_built_in_task_can_be_used(name: str) -> None:
    compile_schema(TASKS[name].schema)
