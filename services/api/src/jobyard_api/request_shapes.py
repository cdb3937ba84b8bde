"""The payloads of all tasks as parts of an OpenAPI document: a request has a shape for each task.

So ``/docs`` offers a form a task, and generated clients know what each one takes. Pure.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from jobyard.queues import NAME_PATTERN
from jobyard_api.examples import example_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobyard.store.records.catalogue import TaskRecord

Schema = dict[str, Any]

_NAME = re.compile(NAME_PATTERN.rstrip("$") + r"\Z")
_ROOT = "#/components/schemas/"
_OPTIONS = "JobOptions"
_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_DATA = frozenset({"const", "enum", "default", "examples", "example"})


def add_task_shapes(document: Schema, tasks: Sequence[TaskRecord]) -> None:
    """Makes ``JobRequest`` a union over the tasks, told apart by ``task``, with an example each."""
    known = [task for task in tasks if _NAME.match(task.name)]
    if not known:
        return
    schemas = document["components"]["schemas"]
    general = schemas["JobRequest"]
    schemas[_OPTIONS] = _options_of(general)
    for task in known:
        schemas[_payload(task)] = _embedded(task)
        schemas[_request(task)] = _request_of(task, general)
    schemas["JobRequest"] = _union(general, known)
    examples = {task.name: _example_of(task) for task in known}
    _show_examples(document, examples)


def _options_of(general: Schema) -> Schema:
    """Everything but task and payload; the requests of all tasks refer to it."""
    options = copy.deepcopy(general)
    for name in ("task", "payload"):
        del options["properties"][name]
    for key in ("required", "examples"):
        options.pop(key, None)
    return {
        **options,
        "title": _OPTIONS,
        "description": "What every job may be given. What is left out comes from the task.",
    }


def _request_of(task: TaskRecord, general: Schema) -> Schema:
    payload = {"$ref": _ROOT + _payload(task)}
    shared = {
        name: {"$ref": f"{_ROOT}{_OPTIONS}/properties/{name}"}
        for name in general["properties"]
        if name not in {"task", "payload"}
    }
    return {
        "title": task.name,
        "description": task.description or f"A job of the task {task.name}.",
        "type": "object",
        "properties": {
            "task": {"type": "string", "const": task.name},
            "payload": payload,
            **shared,
        },
        "required": ["task", "payload"] if task.schema.get("required") else ["task"],
        "additionalProperties": False,
    }


def _union(general: Schema, tasks: Sequence[TaskRecord]) -> Schema:
    return {
        "title": "JobRequest",
        "description": general.get("description", ""),
        "oneOf": [{"$ref": _ROOT + _request(task)} for task in tasks],
        "discriminator": {
            "propertyName": "task",
            "mapping": {task.name: _ROOT + _request(task) for task in tasks},
        },
    }


def _embedded(task: TaskRecord) -> Schema:
    """The payload's schema, its references turned to where it stands in the document."""
    base = _ROOT + _payload(task)
    found: Schema = _turned(dict(task.schema), base)
    for key in ("$schema", "$id"):
        found.pop(key, None)
    return found


def _turned(schema: Any, base: str) -> Any:
    if isinstance(schema, list):
        return [_turned(each, base) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _turned_keyword(key, value, base) for key, value in schema.items()}


def _turned_keyword(key: str, value: Any, base: str) -> Any:
    if key in _DATA:
        return value
    if key in _MAPS and isinstance(value, dict):
        return {name: _turned(each, base) for name, each in value.items()}
    if key == "$ref" and isinstance(value, str) and re.match(r"#(/|$)", value):
        return base + value[1:]
    return _turned(value, base)


def _example_of(task: TaskRecord) -> Schema:
    request = {"task": task.name, "payload": example_of(dict(task.schema))}
    return {"summary": f"{task.name}: {task.description}".split("\n")[0], "value": request}


def _show_examples(document: Schema, examples: Mapping[str, Schema]) -> None:
    single = _body(document, "/v1/jobs")
    single["examples"] = dict(examples)
    jobs = [example["value"] for example in list(examples.values())[:2]]
    _body(document, "/v1/jobs/batch")["example"] = {"jobs": jobs}


def _body(document: Schema, path: str) -> Schema:
    body: Schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return body


def _payload(task: TaskRecord) -> str:
    return f"Payload.{task.name}"


def _request(task: TaskRecord) -> str:
    return f"JobRequest.{task.name}"
