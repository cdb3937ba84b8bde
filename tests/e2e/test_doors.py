"""All kinds of routes work from outside, through Ingress and Gateway, under a prefix too."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from e2e.client import Client
from e2e.kube import fresh_namespace
from e2e.release import Release

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

GATEWAY = {"name": "yard", "namespace": "traefik"}
HOSTS = {"ingress": "ingress.example", "gateway": "gateway.example"}


@pytest.fixture(scope="module", params=["", "/work/jobs"], ids=["host", "prefix"])
def prefix(request: pytest.FixtureRequest) -> str:
    """The path that the API has."""
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def key(prefix: str) -> Iterator[str]:
    """The API key of a yard that is installed once for all tests with one prefix."""
    namespace = fresh_namespace("doors")
    release = Release(namespace)
    release.install({
        "api": {"pathPrefix": prefix, "replicaCount": 1},
        "scheduler": {"replicaCount": 1},
        "pools": {"default": {"queues": ["default", "high", "low"], "replicaCount": 1}},
        "ingress": {"enabled": True, "host": HOSTS["ingress"]},
        "gateway": {"enabled": True, "parentRefs": [GATEWAY], "hostnames": [HOSTS["gateway"]]},
    })  # fmt: skip
    yield release.api_key()
    namespace.remove()


@pytest.fixture(params=HOSTS)
def client(request: pytest.FixtureRequest, key: str, prefix: str) -> Iterator[Client]:
    """A client at one of the doors."""
    client = Client(HOSTS[request.param], key, prefix)
    client.wait_until_ready()
    yield client
    client.close()


def test_a_job_is_taken_and_found_where_its_location_says(client: Client, prefix: str) -> None:
    body = {"task": "add", "payload": {"a": 2, "b": 3}}
    reply = client.http.post("/v1/jobs", json=body, headers={"Prefer": "wait=20"})

    assert (reply.status_code, reply.json()["result"]) == (201, 5)
    assert reply.headers["location"].startswith(f"{prefix}/v1/jobs/")
    assert at_root(client, reply.headers["location"]).json()["state"] == "succeeded"


def test_a_classic_route_works(client: Client) -> None:
    submitted = client.http.post("/job", json={"lowest": 3, "highest": 3})

    assert submitted.is_success, submitted.text


@pytest.mark.parametrize("page", ["/docs", "/redoc", "/rq"])
def test_a_page_brings_all_that_it_names(client: Client, page: str, prefix: str) -> None:
    shown = client.http.get(page, headers={"Accept": "text/html"})

    assert shown.status_code == 200
    names = re.findall(r'(?:src|href)="(/[^"#]+)"', shown.text)
    assert names
    assert all(name.startswith(prefix) for name in names)
    assert {name: at_root(client, name).status_code for name in names} == dict.fromkeys(names, 200)


def test_events_of_a_job_arrive_as_they_happen(client: Client) -> None:
    body = {"task": "sleep", "payload": {"seconds": 1}}
    job_id = client.http.post("/v1/jobs", json=body).json()["id"]

    with client.http.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        lines = [line for line in stream.iter_lines() if line.startswith("data:")]

    states = [json.loads(line.removeprefix("data:")).get("state") for line in lines]
    assert states[-1] == "succeeded"


def at_root(client: Client, path: str):  # type: ignore[no-untyped-def]  # an answer of httpx
    """GET of a path as a browser would ask for it."""
    url = client.http.base_url.copy_with(path=path)
    return client.http.get(url)
