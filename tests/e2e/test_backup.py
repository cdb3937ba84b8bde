"""A backup of the store as the guide has it: all that was in it is there again, and goes on."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import redis

from e2e.every_state import FUNCTION, EveryState
from e2e.jobs import recorded
from e2e.places import ROOT
from e2e.release import FULL_NAME
from e2e.values import yard
from support.keyspace import changed, dump
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from e2e.client import Client
    from e2e.conftest import Connect
    from e2e.kube import Namespace
    from e2e.recording import Recording
    from e2e.release import Release

HOST = "backup.example"
STORE = f"{FULL_NAME}-store"
MOVERS = (f"deployment/{FULL_NAME}-worker-drill", f"deployment/{FULL_NAME}-scheduler")
LIVING = ("rq:worker:", "rq:yard:lease", "rq:yard:busy:")
"""Keys that a worker renews, which a kubelet may let live for some seconds."""
SCHEDULE = '[[schedule]]\nname = "yearly"\ntask = "add"\npayload = {a = 1, b = 1}\nqueue = "held"\n'
SCHEDULE += 'cron = "0 0 1 1 *"\nmissed = "latest"\n'
VALUES: dict[str, Any] = yard(
    HOST, drill={"queues": ["drill", "held"], "replicaCount": 1, "maxJobSeconds": 300}
) | {
    "schedules": {"notifications": False, "toml": SCHEDULE},
    "settings": {"env": {"JOBYARD_RQ_FUNCTIONS": FUNCTION}},
}
pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]


def test_jobs_in_every_state_schedules_and_keys_come_back_from_a_backup(
    release: Release,
    recording: Recording,
    connect: Connect,
    tmp_path: Path,
    figure: Callable[[str, object], None],
) -> None:
    release.install(VALUES)
    client, namespace = connect(HOST), release.namespace
    with namespace.forwarded(f"service/{STORE}", 6379) as port, opened(release, port) as store:
        jobs = EveryState(client, store)
        made = jobs.make()
        key = new_key(client)
        stop(namespace)
        before = dump(store)
    namespace.copy(f"{STORE}-0", "tar", "-C", "/data", "-cf", "-", "appendonlydir",
                   out=tmp_path / "backup.tar")  # fmt: skip
    later = client.submit(recorded("drill", 0.0) for _ in range(50))

    began = time.monotonic()
    restore(namespace, tmp_path / "backup.tar")
    wait_for(lambda: client.status("/readyz") == 200, 120)
    figure(
        "seconds from the store's end to its answers after the restore", time.monotonic() - began
    )
    with namespace.forwarded(f"service/{STORE}", 6379) as port, opened(release, port) as store:
        after = dump(store)
    states = jobs.found(made)
    figure("jobs by state", dict(Counter(made.values())))
    figure("keys in the store", len(before))

    assert {each for each in changed(before, after) if not each.startswith(LIVING)} == set()
    assert states == made
    assert {client.status(f"/v1/jobs/{each}") for each in later} == {404}
    assert client.http.get("/v1/jobs", headers={"Authorization": f"Bearer {key}"}).is_success
    assert client.queue("held")["paused"]
    go_on(client, namespace, jobs, made)
    ours = {each for each, state in made.items() if state in {"queued", "succeeded", "scheduled"}}
    assert ours <= recording.read().ended()


def new_key(client: Client) -> str:
    """A key that only the store knows."""
    body = {"name": "shop", "tenant": "acme", "scopes": ["jobs:read"]}
    key: str = client.http.post("/v1/api-keys", json=body).raise_for_status().json()["key"]
    return key


def opened(release: Release, port: int) -> Any:
    """A client of the store."""
    password = release.secret("app-password")
    return redis.Redis(port=port, username="app", password=password, socket_timeout=10)


def stop(namespace: Namespace) -> None:
    """Ends workers and schedulers so abruptly that what runs is left running."""
    for each in MOVERS:
        namespace.kubectl("scale", each, "--replicas=0")
    selector = "app.kubernetes.io/component in (worker,scheduler)"
    namespace.kubectl("delete", "pods", "--selector", selector, "--force", "--grace-period=0")
    wait_for(lambda: not namespace.list("pods", selector), 60)


def restore(namespace: Namespace, backup: Path) -> None:
    """The commands of the guide."""
    store = f"statefulset/{STORE}"
    namespace.kubectl("scale", store, "--replicas=0")
    namespace.kubectl("apply", "--filename", str(ROOT / "k8s/examples/restore/pod.yaml"))
    namespace.kubectl("wait", "--for=condition=Ready", "pod/restore", "--timeout=120s")
    namespace.kubectl("wait", "--for=delete", f"pod/{STORE}-0", "--timeout=120s")
    namespace.copy("restore", "rm", "-rf", "/data/appendonlydir")
    namespace.copy("restore", "tar", "-C", "/data", "-xf", "-", source=backup)
    namespace.kubectl("delete", "pod", "restore", "--grace-period=0", "--force")
    namespace.kubectl("scale", store, "--replicas=1")


def go_on(client: Client, namespace: Namespace, jobs: EveryState, made: dict[str, str]) -> None:
    """What was stopped starts again, and every job comes to its end."""
    for each in MOVERS:
        namespace.kubectl("scale", each, "--replicas=1")
    client.http.post("/v1/queues/held/resume").raise_for_status()
    for job_id, state in made.items():
        if state in {"scheduled", "retrying"}:
            body = {"delay_seconds": 0}
            client.http.post(f"/v1/jobs/{job_id}/reschedule", json=body).raise_for_status()
    ends = {"failed": "failed", "retrying": "failed", "canceled": "canceled", "expired": "expired"}
    expected = {job_id: ends.get(state, "succeeded") for job_id, state in made.items()}
    jobs.wait_for(expected, 180)
