"""KEDA or the store is away for two minutes: a pool stays as it is, and goes on by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.jobs import recorded, wait_for_replicas
from e2e.kube import Namespace, conditions_of
from e2e.release import FULL_NAME
from e2e.values import scaled, yard
from e2e.verdict import verify
from e2e.watching import PodWatch, ReplicaWatch
from support.waiting import wait_for, wait_while

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.conftest import Connect
    from e2e.recording import Recording
    from e2e.release import Release

AWAY_SECONDS = 120
KEDA = Namespace("keda")
pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1200)]


def test_a_pool_stays_as_it_is_while_keda_is_away(
    release: Release, recording: Recording, connect: Connect, figure: Callable[[str, object], None]
) -> None:
    release.install(yard("keda-away.example", drill=scaled("drill", meanJobSeconds=10)))
    client, pool = connect("keda-away.example"), release.pool("drill")
    ids = client.submit(recorded("drill", 10) for _ in range(240))
    with ReplicaWatch(release.namespace) as replicas, PodWatch(release.namespace) as pods:
        wait_for(lambda: replicas.ready(pool) >= 2, 120)
        KEDA.kubectl("scale", "deployment/keda-operator", "--replicas=0")
        try:
            before = replicas.wanted(pool)[-1]
            wait_while(lambda: replicas.wanted(pool)[-1] >= before, AWAY_SECONDS)
        finally:
            KEDA.kubectl("scale", "deployment/keda-operator", "--replicas=1")
        wait_for(lambda: client.has_ended("drill"), 300)
        wait_for_replicas(release, pool, 0)

    verdict = verify(ids, recording.read(), pods.killed(pool))
    figure("replicas wanted", replicas.wanted(pool))
    verdict.note(figure)
    assert client.not_succeeded(ids) == {}
    verdict.check()


def test_a_pool_stays_as_it_is_while_the_store_is_away(
    release: Release, recording: Recording, connect: Connect, figure: Callable[[str, object], None]
) -> None:
    release.install(yard("store-away.example", drill=scaled("drill", meanJobSeconds=10)))
    client, pool = connect("store-away.example"), release.pool("drill")
    ids = client.submit(recorded("drill", 10) for _ in range(480))
    with ReplicaWatch(release.namespace) as replicas, PodWatch(release.namespace) as pods:
        wait_for(lambda: replicas.ready(pool) >= 2, 120)
        store = f"statefulset/{FULL_NAME}-store"
        release.namespace.kubectl("scale", store, "--replicas=0")
        before = replicas.wanted(pool)[-1]
        wait_while(lambda: replicas.wanted(pool)[-1] >= before, AWAY_SECONDS)
        conditions = conditions_of(release.namespace.get("scaledobject", pool))
        release.namespace.kubectl("scale", store, "--replicas=1")
        wait_for(lambda: client.status("/readyz") == 200, 120)
        wait_for(lambda: client.has_ended("drill"), 400)
        wait_for_replicas(release, pool, 0)

    verdict = verify(ids, recording.read(), pods.killed(pool))
    figure("replicas wanted", replicas.wanted(pool))
    figure("conditions while the store was away", conditions)
    verdict.note(figure)
    assert client.not_succeeded(ids) == {}
    verdict.check()
