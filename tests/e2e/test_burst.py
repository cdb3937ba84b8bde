"""A pool goes from zero to what the work needs and back to zero, and no job notices."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from e2e.client import Client
from e2e.values import scaled, yard
from e2e.verdict import verify
from e2e.watching import PodWatch, ReplicaWatch
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.recording import Recording
    from e2e.release import Release

JOBS = 2_000
HOST = "burst.example"
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


def test_a_burst_onto_a_pool_at_zero_loses_nothing_and_kills_nobody(
    release: Release, recording: Recording, figure: Callable[[str, object], None]
) -> None:
    release.install(yard(HOST, burst=scaled("burst", meanJobSeconds=1.1)))
    client, pool = ready_client(release), release.pool("burst")
    wait_for_replicas(release, pool, 0)
    draw = random.Random(7)

    with PodWatch(release.namespace) as pods, ReplicaWatch(release.namespace) as replicas:
        began = time.time()
        ids = client.submit(recorded("burst", draw.uniform(0.2, 2.0)) for _ in range(JOBS))
        wait_for(lambda: client.left("burst") == 0, 420, interval_seconds=0.5)
        drained = time.time()
        wait_for_replicas(release, pool, 0)

    verdict = verify(ids, recording.read(), pods.killed(pool))
    figure("seconds until all had ended", drained - began)
    figure("replicas wanted", replicas.wanted(pool))
    verdict.note(figure)
    assert client.not_succeeded(ids) == {}
    assert max(replicas.wanted(pool)) > 1
    verdict.check()


def recorded(queue: str, seconds: float) -> dict[str, object]:
    """One job of the recorded task."""
    return {"task": "recorded", "queue": queue, "payload": {"seconds": round(seconds, 3)}}


def ready_client(release: Release) -> Client:
    """A client of a yard that knows the recorded task."""
    client = Client(HOST, release.api_key())
    client.wait_until_ready()
    client.wait_for_task("recorded")
    return client


def wait_for_replicas(release: Release, pool: str, wanted: int) -> None:
    """Waits until a pool has so many pods, and no other ones are on their way out."""

    def settled() -> bool:
        replicas: int = release.namespace.get("deployment", pool)["spec"]["replicas"]
        pods = [each["metadata"]["name"] for each in release.namespace.list("pods")]
        return replicas == wanted == sum(pool in name for name in pods)

    wait_for(settled, 300, interval_seconds=1)
