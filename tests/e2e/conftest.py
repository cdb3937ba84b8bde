"""Fixtures of the tests on a cluster. Without ``JOBYARD_TEST_KUBECONFIG`` none is collected."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

from e2e.client import Client
from e2e.kube import KUBECONFIG, fresh_namespace
from e2e.recording import Recording
from e2e.release import Release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from e2e.kube import Namespace

Connect: TypeAlias = "Callable[[str], Client]"
STORE_IMAGE = "valkey/valkey:8.1-trixie"

collect_ignore_glob = [] if KUBECONFIG in os.environ else ["test_*.py"]


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace of the test's own that only takes pods of the restricted standard."""
    namespace = fresh_namespace(request.node.name.removeprefix("test_"))
    yield namespace
    namespace.remove()


@pytest.fixture
def release(namespace: Namespace) -> Release:
    """The chart, to be installed there."""
    return Release(namespace)


@pytest.fixture
def connect(release: Release) -> Iterator[Connect]:
    """``connect(host)``: a client of the release, as soon as that knows the recorded task."""
    clients: list[Client] = []

    def connected(host: str) -> Client:
        client = Client(host, release.api_key())
        clients.append(client)
        client.wait_until_ready()
        client.wait_for_task("recorded")
        return client

    yield connected
    for client in clients:
        client.close()


@pytest.fixture
def recording(namespace: Namespace, tmp_path: Path) -> Recording:
    """The ledger of that namespace, started."""
    recording = Recording(namespace, STORE_IMAGE, tmp_path)
    recording.start()
    return recording


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tests put pictures: the folder of ``JOBYARD_TEST_PICTURES``, or one that goes."""
    named = os.environ.get("JOBYARD_TEST_PICTURES")
    folder = Path(named) if named else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
