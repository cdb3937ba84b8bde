"""Everything is replaced under load, and neither a job nor a request is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.jobs import recorded
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

HOST = "rolling.example"
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

STEADY = {"queues": ["steady"], "replicaCount": 2, "maxJobSeconds": 20}


def test_services_are_replaced_under_load_without_losing_a_job_or_a_request(
    release: Release, recording: Recording, connect: Connect, figure: Callable[[str, object], None]
) -> None:
    release.install(yard(HOST, steady=STEADY))
    client = connect(HOST)

    with (
        PodWatch(release.namespace) as pods,
        SteadyLoad(client, lambda: recorded("steady", 0.3)) as load,
    ):
        for part in ("worker-steady", "scheduler", "api"):
            replace(release.namespace, f"deployment/{FULL_NAME}-{part}")
        requests_failed = list(load.failures)
        put_off = load.put_off
        replace(release.namespace, f"statefulset/{FULL_NAME}-store")
        wait_for(lambda: client.status("/readyz") == 200, 60)
        enough = len(load.acknowledged) + 20
        wait_for(lambda: len(load.acknowledged) >= enough, 60)
    wait_for(lambda: client.has_ended("steady"), 120)

    verdict = verify(load.acknowledged, recording.read(), pods.killed(FULL_NAME))
    figure("failed requests while services were replaced", len(requests_failed))
    figure("503 with Retry-After while the store was replaced", load.put_off - put_off)
    figure("failed requests while the store was replaced", len(load.failures))
    verdict.note(figure)
    assert load.failures == []
    assert put_off == 0
    assert client.not_succeeded(load.acknowledged) == {}
    verdict.check()


def replace(namespace: Namespace, workload: str) -> None:
    """Replaces all pods of a workload, and waits for the new ones."""
    namespace.kubectl("rollout", "restart", workload)
    namespace.kubectl("rollout", "status", workload, "--timeout=180s")
