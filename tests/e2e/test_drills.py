"""What operators fear: pods killed, nodes drained, KEDA or the store away, passwords changed."""

from __future__ import annotations

import base64
import json
import random
import secrets
import time
from typing import TYPE_CHECKING, Any

import pytest

from e2e.jobs import recorded, wait_for_replicas
from e2e.kube import KubectlError, Namespace
from e2e.release import FULL_NAME
from e2e.steady import SteadyLoad
from e2e.values import scaled, yard
from e2e.verdict import verify
from e2e.watching import PodWatch, ReplicaWatch
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.conftest import Connect
    from e2e.recording import Recording
    from e2e.release import Release

HOST = "drill.example"
LEASE_SECONDS = 10
AWAY_SECONDS = 120
_NANO = 1_000_000_000
KEDA = Namespace("keda")
POOL = {"queues": ["drill"], "replicaCount": 3, "maxJobSeconds": 40}
pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1200)]


def test_pods_that_are_killed_ten_times_cost_no_job(
    release: Release, recording: Recording, connect: Connect, figure: Callable[[str, object], None]
) -> None:
    release.install(yard(HOST, drill=POOL) | {"settings": {"leaseSeconds": LEASE_SECONDS}})
    client = connect(HOST)
    draw = random.Random(11)

    with SteadyLoad(client, lambda: recorded("drill", draw.uniform(1, 3))) as load:
        for _ in range(10):
            enough = len(load.acknowledged) + 30
            wait_for(lambda enough=enough: len(load.acknowledged) >= enough, 120)  # type: ignore[misc]
            victim = draw.choice(pods_of(release.namespace, "-worker-", "-scheduler-"))
            release.namespace.kubectl("delete", "pod", victim, "--force", "--grace-period=0")
    wait_for(lambda: client.has_ended("drill"), 180)

    ledger = recording.read()
    verdict = verify(load.acknowledged, ledger, [])
    again = [
        (runs[1].start.time_ns - runs[0].start.time_ns) / _NANO
        for runs in ledger.runs().values()
        if len(runs) > 1
    ]
    figure("seconds from start to next start, the slowest", max(again, default=0.0))
    verdict.note(figure)
    assert load.failures == []
    assert again, "no kill hit a job in hand"
    assert not verdict.lost
    assert client.not_succeeded(load.acknowledged) == {}


def test_evictions_let_long_jobs_finish_and_take_one_pod_at_a_time(
    release: Release, recording: Recording, connect: Connect, figure: Callable[[str, object], None]
) -> None:
    release.install(yard(HOST, drill=POOL))
    client = connect(HOST)
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


def test_a_pool_stays_as_it_is_while_keda_is_away(
    release: Release, recording: Recording, connect: Connect, figure: Callable[[str, object], None]
) -> None:
    release.install(yard(HOST, drill=scaled("drill", meanJobSeconds=10)))
    client, pool = connect(HOST), release.pool("drill")
    ids = client.submit(recorded("drill", 10) for _ in range(240))
    with ReplicaWatch(release.namespace) as replicas, PodWatch(release.namespace) as pods:
        wait_for(lambda: ready(replicas, pool) >= 2, 120)
        KEDA.kubectl("scale", "deployment/keda-operator", "--replicas=0")
        try:
            before = replicas.wanted(pool)[-1]
            hold(AWAY_SECONDS, lambda: replicas.wanted(pool)[-1] >= before)
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
    release.install(yard(HOST, drill=scaled("drill", meanJobSeconds=10)))
    client, pool = connect(HOST), release.pool("drill")
    ids = client.submit(recorded("drill", 10) for _ in range(480))
    with ReplicaWatch(release.namespace) as replicas, PodWatch(release.namespace) as pods:
        wait_for(lambda: ready(replicas, pool) >= 2, 120)
        store = f"statefulset/{FULL_NAME}-store"
        release.namespace.kubectl("scale", store, "--replicas=0")
        before = replicas.wanted(pool)[-1]
        hold(AWAY_SECONDS, lambda: replicas.wanted(pool)[-1] >= before)
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


def test_a_new_password_is_taken_up_without_hands(
    release: Release, recording: Recording, connect: Connect, figure: Callable[[str, object], None]
) -> None:
    release.install(yard(HOST, drill=scaled("drill", minReplicas=1)))
    client = connect(HOST)
    passwords = {name: secrets.token_hex(24) for name in ("app-password", "keda-password")}
    encoded = {name: base64.b64encode(each.encode()).decode() for name, each in passwords.items()}

    began = time.monotonic()
    patch = json.dumps({"data": encoded})
    release.namespace.kubectl("patch", "secret", FULL_NAME, "--patch", patch)
    # The store closes the connections of users whose passwords changed as soon as it sees them.
    wait_for(lambda: reload_is_seen(release.namespace), 180)
    wait_for(lambda: client.status("/readyz") == 200, 180)
    ids = client.submit(recorded("drill", 0.1) for _ in range(50))
    wait_for(lambda: client.has_ended("drill"), 180)
    figure("seconds until jobs ran under the new password", time.monotonic() - began)

    assert client.not_succeeded(ids) == {}
    verify(ids, recording.read(), []).check()


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


def hold(seconds: float, condition: Callable[[], bool]) -> None:
    """Watches for so long that a condition holds; fails as soon as it does not."""
    until = time.monotonic() + seconds

    def is_over() -> bool:
        assert condition(), "it changed meanwhile"
        return time.monotonic() >= until

    wait_for(is_over, seconds + 30, interval_seconds=1)


def ready(replicas: ReplicaWatch, pool: str) -> int:
    """Pods of a pool that are ready."""
    timeline = replicas.timeline(pool)
    return timeline[-1][2] if timeline else 0


def conditions_of(scaled_object: dict[str, Any]) -> dict[str, str]:
    """Its conditions by type."""
    return {each["type"]: each["status"] for each in scaled_object["status"]["conditions"]}


def reload_is_seen(namespace: Namespace) -> bool:
    """Whether the store's mounted secret is the new one."""
    stored = namespace.get("secret", FULL_NAME)["data"]["app-password"]
    mounted = namespace.kubectl(
        "exec", f"{FULL_NAME}-store-0", "--", "cat", "/etc/jobyard/secret/app-password"
    )
    return base64.b64decode(stored).decode() == mounted.strip()
