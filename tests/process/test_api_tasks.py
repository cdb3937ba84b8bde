"""``/v1/tasks``: what can be run, its schema alone, its versions; the OpenAPI document of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema_rs
import pytest
from structlog.testing import capture_logs

from jobyard.store import calls
from support.api_server import running_api
from support.builders import build_task_record
from support.documented import check_documented
from support.waiting import wait_for

if TYPE_CHECKING:
    from jobyard.store import Store
    from support.servers import StoreServer

OLD = build_task_record(
    name="report.make",
    version="old",
    schema={"type": "object", "properties": {"day": {"type": "integer"}}, "required": ["day"]},
)
NEW = replace(
    OLD,
    version="new",
    schema={"type": "object", "properties": {"date": {"type": "string"}}, "required": ["date"]},
)


def serve(store: Store, worker: str, *records: Any) -> None:
    """What a worker does at its start."""
    store.run(calls.join(worker, pool="p", slots=1, lease_seconds=60, queues=("q",)))
    store.run(calls.publish_tasks(records, worker=worker))


def leave(store: Store, worker: str) -> None:
    store.run(calls.leave(worker))


def versions(api: httpx.Client) -> list[tuple[str, bool]]:
    reply = api.get("/v1/tasks/report.make")
    found = reply.json().get("versions", [])
    return [(version["version"], version["served"]) for version in found]


def is_taken(api: httpx.Client, payload: dict[str, Any]) -> bool:
    reply = api.post("/v1/jobs", json={"task": "report.make", "payload": payload})
    return reply.status_code == 201


def test_the_schema_of_a_task_is_served_alone(api: httpx.Client) -> None:
    reply = api.get("/v1/tasks/add/schema")

    schema = reply.json()
    assert reply.headers["content-type"] == "application/schema+json"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert jsonschema_rs.validator_for(schema).is_valid({"a": 1, "b": 2})
    assert not jsonschema_rs.validator_for(schema).is_valid({"a": 1})


@pytest.mark.parametrize("name", ["nope", "ad", "%00", "%ED%A0%80", "x" * 5000, "*"])
def test_an_unknown_task_has_no_schema(api: httpx.Client, name: str) -> None:
    reply = api.get(f"/v1/tasks/{name}/schema")

    assert (reply.status_code, reply.json()["code"]) == (404, "task-not-found")


def test_while_two_versions_are_served_the_newer_one_counts_and_the_clash_is_shown(
    api: httpx.Client, store: Store
) -> None:
    serve(store, "w1", OLD)
    wait_for(lambda: versions(api) == [("old", True)])
    assert is_taken(api, {"day": 1})

    serve(store, "w2", NEW)
    wait_for(lambda: versions(api) == [("new", True), ("old", True)])
    task = api.get("/v1/tasks/report.make").json()
    [listed] = [
        each for each in api.get("/v1/tasks").json()["tasks"] if each["name"] == "report.make"
    ]

    assert (task["version"], task["clash"], task["schema"]) == ("new", True, NEW.schema)
    assert listed == task
    assert not is_taken(api, {"day": 1})
    assert is_taken(api, {"date": "today"})

    leave(store, "w1")
    wait_for(lambda: versions(api) == [("new", True), ("old", False)])
    assert not api.get("/v1/tasks/report.make").json()["clash"]


def test_a_clash_is_logged_once(api: httpx.Client, store: Store) -> None:
    with capture_logs() as lines:
        serve(store, "w1", replace(OLD, name="odd.one"))
        serve(store, "w2", replace(NEW, name="odd.one"))
        wait_for(lambda: api.get("/v1/tasks/odd.one").json().get("clash"))
        store.run(calls.publish_tasks([build_task_record(name="another")], worker="w2"))
        wait_for(lambda: api.get("/v1/tasks/another").status_code == 200)

    clashes = [line for line in lines if line["event"] == "catalogue.clash"]
    assert [(line["task"], line["versions"]) for line in clashes] == [("odd.one", "new,old")]


def test_a_task_is_known_to_an_api_that_starts_when_no_worker_is_left(
    server: StoreServer, store: Store
) -> None:
    serve(store, "w1", OLD)
    leave(store, "w1")

    with running_api(server.url) as url, httpx.Client(base_url=url) as other:
        wait_for(lambda: versions(other) == [("old", False)])
        assert is_taken(other, {"day": 1})


def test_the_document_has_the_tasks_that_there_are(api: httpx.Client, store: Store) -> None:
    serve(store, "w1", OLD)
    wait_for(lambda: versions(api))

    reply = api.get("/openapi.json")
    schemas = reply.json()["components"]["schemas"]
    again = api.get("/openapi.json")

    mapping = schemas["JobRequest"]["discriminator"]["mapping"]
    assert {"add", "echo", "report.make"} <= set(mapping)
    assert schemas["Payload.report.make"]["required"] == ["day"]
    assert again.content == reply.content
    check_documented(reply)
