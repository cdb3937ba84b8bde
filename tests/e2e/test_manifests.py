"""``kubectl apply -k k8s/`` has the same as the chart: it runs jobs, and KEDA scales it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from e2e.client import Client
from e2e.kube import KubectlError, Namespace, conditions_of
from e2e.places import ROOT
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOST = "manifests.example"
FIXED = ROOT / "k8s"
SCALED = ROOT / "k8s/overlays/keda"
POOL = "jobyard-worker-default"
ROAD = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "road"},
    "spec": {
        "rules": [
            {
                "host": HOST,
                "http": {
                    "paths": [
                        {
                            "path": "/",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": "jobyard-api", "port": {"number": 80}}},
                        }
                    ]
                },
            }
        ]
    },
}
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """The one that the manifests name."""
    namespace = Namespace("jobyard")
    yield namespace
    if is_there(namespace):
        namespace.remove()


def test_what_kubectl_applies_runs_jobs_is_scaled_by_keda_and_goes_again(
    namespace: Namespace, figure: Callable[[str, object], None]
) -> None:
    said = apply(namespace, FIXED)
    namespace.apply(ROAD)
    client = Client(HOST, key_of(namespace))
    client.wait_until_ready()
    assert "warning" not in said.lower()
    assert run(client, "add", {"a": 2, "b": 3})["result"] == 5

    apply(namespace, SCALED)
    wait_for(lambda: is_scaled(namespace), 120, interval_seconds=1)
    ids = client.submit({"task": "sleep", "payload": {"seconds": 10}} for _ in range(24))
    most = wait_for(lambda: wanted(namespace) if wanted(namespace) > 1 else 0, 90)
    wait_for(lambda: client.has_ended("default"), 120)
    figure("pods of the pool under 24 jobs", most)
    assert client.not_succeeded(ids) == {}

    client.close()
    namespace.kubectl("delete", "--kustomize", str(SCALED), "--timeout=240s")
    wait_for(lambda: not is_there(namespace), 240, interval_seconds=1)


def apply(namespace: Namespace, folder: object) -> str:
    """What kubectl said; returns when everything is ready."""
    said = namespace.kubectl("apply", "--kustomize", str(folder))
    for kind in ("statefulset/jobyard-store", "deployment/jobyard-api",
                 "deployment/jobyard-scheduler", f"deployment/{POOL}"):  # fmt: skip
        namespace.kubectl("rollout", "status", kind, "--timeout=180s")
    return said


def run(client: Client, task: str, payload: dict[str, object]) -> dict[str, object]:
    """A job that has ended."""
    client.wait_for_task(task)
    body = {"task": task, "payload": payload}
    reply = client.http.post("/v1/jobs", json=body, headers={"Prefer": "wait=20"})
    job: dict[str, object] = reply.json()
    return job


def key_of(namespace: Namespace) -> str:
    """The bootstrap key."""
    data = namespace.get("secret", "jobyard")["data"]
    return base64.b64decode(data["bootstrap-key"]).decode()


def is_scaled(namespace: Namespace) -> bool:
    """Whether KEDA has taken over the pool, and what publishes its tasks has done so."""
    [job] = namespace.list("jobs", "app.kubernetes.io/component=publish")
    is_ready = conditions_of(namespace.get("scaledobject", POOL)).get("Ready") == "True"
    return is_ready and job["status"].get("succeeded") == 1


def wanted(namespace: Namespace) -> int:
    """Pods of the pool that are asked for."""
    found: int = namespace.get("deployment", POOL)["spec"]["replicas"]
    return found


def is_there(namespace: Namespace) -> bool:
    """Whether the namespace exists."""
    try:
        namespace.get("namespace", namespace.name)
    except KubectlError:
        return False
    return True
