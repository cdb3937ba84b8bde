"""The images are small, run as nobody in particular, say what is in them, and start at once."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from e2e import docker
from e2e.images import SERVICES, STORE, VERSION
from e2e.places import ROOT
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.cluster

BASE = "python:3.13-slim-trixie"
MOST_MEGABYTES = 150
READINESS = {"api": 8000, "worker": 9401, "scheduler": 9402}
INSTALLED = """
import json
from importlib.metadata import distributions
print(json.dumps([each.metadata["Name"] for each in distributions()]))
"""
SEARCH = "/ -xdev ( -name gcc -o -name cc1 -o -name uv -o -name .cache ) -not -path /usr/share/*"


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """The address of a store."""
    command = ("valkey-server", "--protected-mode", "no")
    with docker.container(STORE, *command) as server:
        yield server.address()


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_adds_little_to_its_base(
    service: str, figure: Callable[[str, object], None]
) -> None:
    added = docker.inspect(image(service))["Size"] - docker.inspect(BASE)["Size"]

    figure(f"MB of {service} above the base", added / 1_000_000)
    assert added < MOST_MEGABYTES * 1_000_000


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_runs_as_a_numbered_user_and_without_a_shell(service: str) -> None:
    config = docker.inspect(image(service))["Config"]

    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == [f"jobyard-{service}"]
    assert config["Labels"]["org.opencontainers.image.version"] == VERSION


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_neither_a_compiler_nor_a_cache(service: str) -> None:
    found = docker.run("run", "--rm", "--user=0", "--entrypoint=find", image(service),
                       *SEARCH.split())  # fmt: skip

    assert found == ""


@pytest.mark.parametrize("service", SERVICES)
def test_the_inventory_of_an_image_names_all_that_is_installed(service: str) -> None:
    inside = ("run", "--rm", "--entrypoint=python", image(service), "-c")
    inventory = json.loads(docker.run(
        *inside, "print(open('/opt/jobyard/sbom.cdx.json').read())"))  # fmt: skip
    installed = json.loads(docker.run(*inside, INSTALLED))

    named = {
        each["name"] for each in [inventory["metadata"]["component"], *inventory["components"]]
    }
    assert {normalized(name) for name in installed} <= named


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_is_ready_soon_and_writes_nothing(
    service: str, store: str, figure: Callable[[str, object], None]
) -> None:
    arguments = (
        "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", f"--env=JOBYARD_REDIS_URL=redis://{store}",
        "--env=JOBYARD_AUTH=open", image(service),
    )  # fmt: skip
    with docker.container(*arguments) as started:
        url = f"http://{started.address()}:{READINESS[service]}/readyz"
        wait_for(lambda: status(url) == 200, 60, lambda: docker.run("logs", started.name))
        ready = time.time()

        figure(f"seconds from start to ready, {service}", ready - started.started_at())
        figure(f"seconds of a processor until ready, {service}", started.cpu_seconds())
        assert docker.run("diff", started.name) == ""


def test_a_task_with_a_package_of_its_own_runs_in_an_image_on_top(store: str) -> None:
    docker.run("build", "--network=host", "--tag=jobyard-example", "--build-arg",
               f"WORKER={image('worker')}", str(ROOT / "examples/image"))  # fmt: skip
    settings = (f"--env=JOBYARD_REDIS_URL=redis://{store}", "--env=JOBYARD_AUTH=open")
    with (
        docker.container("--read-only", "--tmpfs=/tmp", *settings, "jobyard-example"),
        docker.container(*settings, image("api")) as api,
    ):
        url = f"http://{api.address()}:8000/v1"
        wait_for(lambda: status(f"{url}/tasks/readable_size") == 200, 60)
        body = {"task": "readable_size", "payload": {"size_bytes": 1_500_000}}
        headers = {"Prefer": "wait=20"}
        job = httpx.post(f"{url}/jobs", json=body, headers=headers, timeout=30).json()

    assert job["result"] == "1.5 MB"


def image(service: str) -> str:
    """Name of the image of a service."""
    return f"jobyard-{service}:{VERSION}"


def status(url: str) -> int:
    """Status of a GET; 0 when nobody answers."""
    try:
        return httpx.get(url, timeout=2).status_code
    except httpx.TransportError:
        return 0


def normalized(name: str) -> str:
    """A distribution's name as PyPI compares it."""
    return name.lower().replace("_", "-").replace(".", "-")
