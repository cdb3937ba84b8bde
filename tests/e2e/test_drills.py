"""What operators fear for pods: they are killed, and their nodes drained."""

from __future__ import annotations

import itertools
import json
import random
import time
import zlib
from typing import TYPE_CHECKING

import pytest

from e2e.jobs import recorded
from e2e.kube import KubectlError
from e2e.release import FULL_NAME
from e2e.steady import SteadyLoad
from e2e.values import yard
from e2e.verdict import verify
from e2e.watching import PodWatch
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.conftest import Connect
    from e2e.kube import Namespace
    from e2e.recording import Recording
    from e2e.release import Release
    from support.ledger import Ledger

LEASE_SECONDS = 10
_NANO = 1_000_000_000
POOL = {"queues": ["drill"], "replicaCount": 3, "maxJobSeconds": 40}
pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]


def test_pods_that_are_killed_ten_times_cost_no_job(
    release: Release, recording: Recording, connect: Connect, figure: Callable[[str, object], None]
) -> None:
    release.install(
        yard("kills.example", drill=POOL) | {"settings": {"leaseSeconds": LEASE_SECONDS}}
    )
    client = connect("kills.example")
    draw, kills = random.Random(11), dict[str, float]()

    with SteadyLoad(client, lambda: recorded("drill", draw.uniform(1, 3))) as load:
        for _ in range(10):
            enough = len(load.acknowledged) + 30
            wait_for(lambda enough=enough: len(load.acknowledged) >= enough, 120)  # type: ignore[misc]
            victim = draw.choice(pods_of(release.namespace, "-worker-", "-scheduler-"))
            kills[victim] = time.time()
            release.namespace.kubectl("delete", "pod", victim, "--force", "--grace-period=0")
    wait_for(lambda: client.has_ended("drill"), 180)

    ledger = recording.read()
    verdict = verify(load.acknowledged, ledger, [])
    waits = waits_after_kills(ledger, kills)
    figure("jobs that a kill interrupted", len(waits))
    figure("seconds from the kill to the next start, the slowest", max(waits, default=0.0))
    figure("seconds that it may take, lease + 5", float(LEASE_SECONDS + 5))
    verdict.note(figure)
    assert load.failures == []
    assert waits, "no kill hit a job in hand"
    assert max(waits) <= LEASE_SECONDS + 5
    assert not verdict.lost
    assert client.not_succeeded(load.acknowledged) == {}


def test_evictions_let_long_jobs_finish_and_take_one_pod_at_a_time(
    release: Release, recording: Recording, connect: Connect, figure: Callable[[str, object], None]
) -> None:
    release.install(yard("evictions.example", drill=POOL))
    client = connect("evictions.example")
    ids = client.submit(recorded("drill", 20) for _ in range(24))
    wait_for(lambda: client.queue("drill")["running"] == 24, 60)

    with PodWatch(release.namespace) as pods:
        refused = sum(
            evict(release.namespace, pod)
            for pod in pods_of(release.namespace, "-worker-", "-scheduler-", "-api-")
        )
        wait_for(lambda: client.has_ended("drill"), 240)

    verdict = verify(ids, recording.read(), pods.killed(FULL_NAME))
    figure("evictions refused by a budget", refused)
    verdict.note(figure)
    assert refused > 0
    assert client.not_succeeded(ids) == {}
    verdict.check()


def waits_after_kills(ledger: Ledger, kills: dict[str, float]) -> list[float]:
    """Seconds from the death of its pod to its next start, of each run that a kill ended.

    A kubelet may take its time: a pod was alive when it was told to go, and when it wrote last.
    """
    alive = {zlib.crc32(pod.encode()): at for pod, at in kills.items()}
    for entry in ledger.entries():
        if entry.pid in alive:
            alive[entry.pid] = max(alive[entry.pid], entry.time_ns / _NANO)
    return [
        following.start.time_ns / _NANO - alive[one.start.pid]
        for runs in ledger.runs().values()
        for one, following in itertools.pairwise(runs)
        if one.end is None and one.start.pid in alive
    ]


def pods_of(namespace: Namespace, *parts: str) -> list[str]:
    """Names of running pods that have one of ``parts``."""
    names = [
        each["metadata"]["name"]
        for each in namespace.list("pods")
        if each["status"]["phase"] == "Running" and "deletionTimestamp" not in each["metadata"]
    ]
    return [name for name in names if any(part in name for part in parts)]


def evict(namespace: Namespace, pod: str) -> int:
    """Asks until the pod may go; how often the disruption budget said no."""
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace.name},
    }
    path = f"/api/v1/namespaces/{namespace.name}/pods/{pod}/eviction"
    refusals = 0

    def is_granted() -> bool:
        nonlocal refusals
        try:
            namespace.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))
        except KubectlError as error:
            if "disruption budget" not in str(error):
                raise
            refusals += 1
            return False
        return True

    wait_for(is_granted, 180, interval_seconds=1)
    return refusals
