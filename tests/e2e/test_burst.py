"""A pool goes from zero to what the work needs and back to zero, and no job notices."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from e2e.jobs import recorded, wait_for_replicas
from e2e.plot import write_burst
from e2e.values import scaled, yard
from e2e.verdict import verify
from e2e.watching import PodWatch, ReplicaWatch
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from e2e.conftest import Connect
    from e2e.recording import Recording
    from e2e.release import Release

JOBS = 2_000
HOST = "burst.example"
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


def test_a_burst_onto_a_pool_at_zero_loses_nothing_and_kills_nobody(
    release: Release,
    recording: Recording,
    connect: Connect,
    figure: Callable[[str, object], None],
    pictures: Path,
) -> None:
    release.install(yard(HOST, burst=scaled("burst", meanJobSeconds=1.1)))
    client, pool = connect(HOST), release.pool("burst")
    wait_for_replicas(release, pool, 0)
    draw = random.Random(7)

    with PodWatch(release.namespace) as pods, ReplicaWatch(release.namespace) as replicas:
        began = time.time()
        ids = client.submit(recorded("burst", draw.uniform(0.2, 2.0)) for _ in range(JOBS))
        wait_for(lambda: client.has_ended("burst"), 420, interval_seconds=0.5)
        drained = time.time()
        wait_for_replicas(release, pool, 0)

    ledger = recording.read()
    write_burst(pictures / "burst.svg", began, ledger, replicas.timeline(pool))
    verdict = verify(ids, ledger, pods.killed(pool))
    figure("seconds until all had ended", drained - began)
    figure("replicas wanted", replicas.wanted(pool))
    verdict.note(figure)
    assert client.not_succeeded(ids) == {}
    assert max(replicas.wanted(pool)) > 1
    verdict.check()


def test_very_short_jobs_start_no_more_pods_than_their_backlog_needs(
    release: Release, recording: Recording, connect: Connect, figure: Callable[[str, object], None]
) -> None:
    release.install(yard(HOST, brief=scaled("brief", meanJobSeconds=0.001)))
    client, pool = connect(HOST), release.pool("brief")
    wait_for_replicas(release, pool, 0)

    with PodWatch(release.namespace) as pods, ReplicaWatch(release.namespace) as replicas:
        ids = client.submit(recorded("brief", 0.001) for _ in range(JOBS))
        wait_for(lambda: client.has_ended("brief"), 240, interval_seconds=0.5)
        wait_for_replicas(release, pool, 0)

    verdict = verify(ids, recording.read(), pods.killed(pool))
    figure("replicas wanted", replicas.wanted(pool))
    verdict.note(figure)
    # 2 000 jobs of 1 ms are 2 s of work: one pod starts each within its 30 s. Where the cluster
    # is slow and a look finds all of its slots busy, one more is asked for.
    assert max(replicas.wanted(pool)) <= 2
    verdict.check()


@pytest.mark.slow
def test_long_jobs_outlive_the_cool_down_and_an_upgrade_in_the_middle(
    release: Release, recording: Recording, connect: Connect, figure: Callable[[str, object], None]
) -> None:
    values = yard(HOST, long=scaled("long", meanJobSeconds=45, latencyTargetSeconds=45))
    release.install(values)
    client, pool = connect(HOST), release.pool("long")
    wait_for_replicas(release, pool, 0)

    with PodWatch(release.namespace) as pods, ReplicaWatch(release.namespace) as replicas:
        ids = client.submit(recorded("long", 45) for _ in range(32))
        wait_for(lambda: replicas.ready(pool) >= 4, 120)
        before = replicas_of(release, pool)
        release.change(values | {"settings": {"logLevel": "debug"}})
        after = replicas_of(release, pool)
        wait_for(lambda: client.has_ended("long"), 300, interval_seconds=0.5)
        wait_for_replicas(release, pool, 0)

    verdict = verify(ids, recording.read(), pods.killed(pool))
    figure("replicas before and after the upgrade", (before, after))
    figure("replicas wanted", replicas.wanted(pool))
    verdict.note(figure)
    assert after >= before
    assert client.not_succeeded(ids) == {}
    verdict.check()


def replicas_of(release: Release, pool: str) -> int:
    """Pods that are asked for just now."""
    found: int = release.namespace.get("deployment", pool)["spec"]["replicas"]
    return found
