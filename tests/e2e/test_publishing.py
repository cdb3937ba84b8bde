"""A pool without pods is known: what an upgrade brings can be submitted at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.jobs import wait_for_replicas
from e2e.values import scaled, yard
from support.waiting import wait_for

if TYPE_CHECKING:
    from e2e.conftest import Connect
    from e2e.release import Release

HOST = "publishing.example"
GREETINGS = """
from jobyard import task

@task
def greet(name: str) -> str:
    return f"Hello {name}"
"""
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


def test_a_new_task_and_queue_of_a_pool_at_zero_are_taken_as_soon_as_the_upgrade_is_done(
    release: Release, connect: Connect
) -> None:
    sleeping = scaled("drowsy", cooldownSeconds=5, initialCooldownSeconds=0)
    values = yard(HOST, sleeping=sleeping)
    release.install(values)
    client, pool = connect(HOST), release.pool("sleeping")
    wait_for_replicas(release, pool, 0)
    before = client.http.post("/v1/jobs", json={"task": "greet", "payload": {"name": "Ada"}})

    new = yard(HOST, sleeping=sleeping | {"queues": ["drowsy", "letters"]})
    release.upgrade(new | {"tasks": {"files": {"hello.py": GREETINGS}, "modules": ["hello"]}})
    body = {"task": "greet", "queue": "letters", "payload": {"name": "Ada"}}
    taken = client.http.post("/v1/jobs", json=body)

    assert before.status_code == 422
    assert taken.status_code == 201, taken.text
    path = f"/v1/jobs/{taken.json()['id']}"
    wait_for(lambda: client.http.get(path).json()["state"] == "succeeded", 60)
    assert client.http.get(path).json()["result"] == "Hello Ada"
    assert not [each for each in release.namespace.list("jobs") if "publish" in str(each)]
