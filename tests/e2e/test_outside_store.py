"""An external store over TLS in both directions serves the yard, and KEDA scales by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.client import Client
from e2e.conftest import STORE_IMAGE
from e2e.jobs import recorded, wait_for_replicas
from e2e.outside import SECRET, OutsideStore
from e2e.values import scaled, yard
from e2e.verdict import verify
from support.waiting import wait_for

if TYPE_CHECKING:
    from e2e.recording import Recording
    from e2e.release import Release

HOST = "outside.example"
pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]


def test_jobs_run_and_a_pool_wakes_over_mutual_tls(release: Release, recording: Recording) -> None:
    outside = OutsideStore(release.namespace, STORE_IMAGE, tls=True)
    outside.start()
    pool = scaled("safe", cooldownSeconds=5, initialCooldownSeconds=0)
    release.install(yard(HOST, safe=pool) | outside.values())
    client = Client(HOST, release.secret("bootstrap-key", SECRET))
    client.wait_until_ready()
    wait_for_replicas(release, release.pool("safe"), 0)

    ids = client.submit(recorded("safe", 0.1) for _ in range(50))
    wait_for(lambda: client.has_ended("safe"), 120)
    wait_for_replicas(release, release.pool("safe"), 0)

    assert client.not_succeeded(ids) == {}
    verify(ids, recording.read(), []).check()
    client.close()
