"""The payloads of tasks in the OpenAPI document, and the examples that its forms begin with."""

from __future__ import annotations

from typing import Annotated, Any

import jsonschema_rs
import pytest
from pydantic import Field

from jobyard.payload import Payload
from jobyard.store.records.catalogue import PublishedTask
from jobyard_api.application import built_in_tasks, create_app
from jobyard_api.catalogue import KnownTask, compile_schema
from jobyard_api.examples import example_of
from jobyard_api.openapi import document
from jobyard_api.settings import ApiSettings
from support.builders import build_task_record

SETTINGS = ApiSettings.load(_env_file=None)


class Leaf(Payload):
    n: Annotated[int, Field(ge=3)]
    next: Leaf | None = None


class Tree(Payload):
    leaf: Leaf
    names: list[str]
    kind: str = "oak"


TREE = build_task_record(
    name="tree.grow", schema=Tree.model_json_schema(), description="Grows a tree.\nSlowly."
)
NOTHING = build_task_record(
    name="nothing", schema={"type": "object", "additionalProperties": False}
)


def document_with(*records: Any) -> dict[str, Any]:
    app = create_app(SETTINGS)
    return document(app, lambda: records)()


def validator_of(found: dict[str, Any], name: str) -> Any:
    return jsonschema_rs.Draft202012Validator({**found, "$ref": f"#/components/schemas/{name}"})


FOUND = document_with(TREE, NOTHING)


@pytest.mark.parametrize(
    "request_",
    [
        {"task": "tree.grow", "payload": {"leaf": {"n": 3}, "names": ["a"]}},
        {"task": "tree.grow", "payload": {"leaf": {"n": 3, "next": {"n": 4}}, "names": []}},
        {"task": "tree.grow", "payload": {"leaf": {"n": 3}, "names": []}, "queue": "q", "tags": []},
        {"task": "nothing"},
        {"task": "nothing", "payload": {}, "delay_seconds": 1},
    ],
    ids=str,
)
def test_a_request_that_fits_its_task_fits_the_document(request_: dict[str, Any]) -> None:
    assert validator_of(FOUND, "JobRequest").is_valid(request_)


@pytest.mark.parametrize(
    "request_",
    [
        {"task": "tree.grow"},
        {"task": "tree.grow", "payload": {"leaf": {"n": 3, "next": {"n": 2}}, "names": []}},
        {"task": "nothing", "payload": {"leaf": {"n": 3}, "names": []}},
        {"task": "nothing", "more": 1},
        {"task": "nothing", "delay_seconds": -1},
        {"task": "unknown"},
        {"payload": {}},
    ],
    ids=str,
)
def test_a_request_that_does_not_fit_its_task_does_not_fit_the_document(
    request_: dict[str, Any],
) -> None:
    assert not validator_of(FOUND, "JobRequest").is_valid(request_)


def test_the_shapes_are_told_apart_by_the_task() -> None:
    union = FOUND["components"]["schemas"]["JobRequest"]

    assert union["discriminator"]["propertyName"] == "task"
    assert [each["$ref"] for each in union["oneOf"]] == list(
        union["discriminator"]["mapping"].values()
    )
    assert set(union["discriminator"]["mapping"]) == {"tree.grow", "nothing"}


def test_there_is_an_example_for_each_task_and_it_fits() -> None:
    body = FOUND["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]

    assert set(body["examples"]) == {"tree.grow", "nothing"}
    assert body["examples"]["tree.grow"]["summary"] == "tree.grow: Grows a tree."
    for example in body["examples"].values():
        validator_of(FOUND, "JobRequest").validate(example["value"])


def test_a_batch_takes_the_same_shapes() -> None:
    batch = FOUND["paths"]["/v1/jobs/batch"]["post"]["requestBody"]["content"]["application/json"]

    validator_of(FOUND, "BatchRequest").validate(batch["example"])
    assert not validator_of(FOUND, "BatchRequest").is_valid({"jobs": [{"task": "unknown"}]})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"$ref": {"type": "string"}, "const": {"$ref": "#"}}},
        {"$schema": "x", "$id": "http://example.com/x", "$ref": "#/$defs/a", "$defs": {"a": {}}},
        {"const": {"$ref": "#/nowhere"}},
    ],
    ids=str,
)
def test_an_odd_schema_leaves_the_document_whole(schema: dict[str, Any]) -> None:
    found = document_with(build_task_record(name="odd", schema=schema), NOTHING)

    assert found["components"]["schemas"]["Payload.odd"]
    assert validator_of(found, "JobRequest").is_valid({"task": "nothing"})


def test_a_name_that_openapi_has_no_room_for_is_left_out() -> None:
    found = document_with(build_task_record(name="a b/c"), NOTHING)

    assert list(found["components"]["schemas"]["JobRequest"]["discriminator"]["mapping"]) == [
        "nothing"
    ]


def test_without_any_task_a_request_is_described_in_general() -> None:
    assert "task" in document_with()["components"]["schemas"]["JobRequest"]["properties"]


def test_the_document_is_made_anew_only_when_a_task_has_changed() -> None:
    app = create_app(SETTINGS)
    yard = _Yard()
    app.state.yard = yard
    make = document(app, list)

    first, again = make(), make()
    yard.catalogue.edition += 1
    third = make()

    assert first is again
    assert third is not first
    assert third == first


class _Catalogue:
    edition = 0

    def tasks(self) -> list[KnownTask]:
        return [KnownTask(PublishedTask(NOTHING), compile_schema(NOTHING.schema))]


class _Yard:
    catalogue = _Catalogue()


# ---------------------------------------------------------------- examples

BUILT_IN = {task.name: task for task in built_in_tasks(SETTINGS)}


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_the_example_of_every_built_in_task_fits(name: str) -> None:
    schema = dict(BUILT_IN[name].schema)

    compile_schema(schema).validate(example_of(schema))


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "minLength": 6}, "textxx"),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "string", "format": "email"}, "ada@example.com"),
        ({"type": "integer"}, 1),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "maximum": -5}, -5),
        ({"type": "integer", "multipleOf": 10}, 10),
        ({"type": "number", "exclusiveMinimum": 2}, 3),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["integer", "null"]}, 1),
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 7}, 7),
        ({"default": [], "type": "array"}, []),
        ({"examples": [3], "type": "integer"}, 3),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 1),
        ({"type": "array", "items": {"type": "string"}, "minItems": 2}, ["text", "text"]),
        (
            {"type": "object", "properties": {"a": {}, "b": {"const": 1}}, "required": ["b"]},
            {"b": 1},
        ),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": 1}}}, 1),
        ({"$ref": "#/nowhere"}, None),
        ({"type": ["object", "null"], "properties": {"a": {}}, "required": 5, "enum": "no"}, {}),
        ({}, None),
        (True, None),
    ],
    ids=str,
)
def test_an_example_is_made_of_what_the_schema_says(schema: Any, example: Any) -> None:
    assert example_of(schema) == example


def test_a_schema_that_refers_to_itself_has_an_end() -> None:
    endless = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}

    assert example_of(endless)
