"""Fixtures of the tests on a cluster. Without ``JOBYARD_TEST_KUBECONFIG`` none is collected."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from e2e.kube import KUBECONFIG, Namespace
from e2e.recording import Recording
from e2e.release import Release

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STORE_IMAGE = "valkey/valkey:8.1-trixie"

collect_ignore_glob = [] if KUBECONFIG in os.environ else ["test_*.py"]


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace of the test's own that only takes pods of the restricted standard."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_")).strip("-")
    namespace = Namespace(f"e2e-{name[:40].strip('-')}")
    namespace.remove()
    namespace.create()
    yield namespace
    namespace.remove()


@pytest.fixture
def release(namespace: Namespace) -> Release:
    """The chart, to be installed there."""
    return Release(namespace)


@pytest.fixture
def recording(namespace: Namespace, tmp_path: Path) -> Recording:
    """The ledger of that namespace, started."""
    recording = Recording(namespace, STORE_IMAGE, tmp_path)
    recording.start()
    return recording
