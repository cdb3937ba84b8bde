"""Installing takes one command, and uninstalling leaves what the docs name."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from e2e.images import VERSION
from e2e.places import ROOT
from e2e.release import FULL_NAME, NAME, Release
from support.chart import RefusedError
from support.versions import check_out_previous
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from e2e.kube import Namespace

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

EVERYTHING: dict[str, Any] = {
    "image": {"tag": VERSION},
    "ingress": {"enabled": True, "host": "all.example"},
    "gateway": {
        "enabled": True,
        "parentRefs": [{"name": "yard", "namespace": "traefik"}],
        "hostnames": ["all.example"],
    },
    "metrics": {
        "podMonitor": {"enabled": True},
        "rules": {"enabled": True},
        "dashboards": {"enabled": True},
    },
    "api": {"autoscaling": {"enabled": True}},
    "tasks": {"files": {"mine.py": ""}, "modules": ["mine"]},
    "pools": {"default": {"autoscaling": {"enabled": True}}},
}
"""One object of each kind that the chart has."""

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "typo": ({"api": {"replicaCnt": 3}}, "replicaCnt"),
    "wrong type": ({"api": {"replicaCount": "three"}}, "/api/replicaCount"),
    "pool without queues": ({"pools": {"mail": {"queues": []}}}, "pools.mail.queues"),
    "external without host": ({"store": {"type": "external"}}, "store.external.host"),
    "TLS without authority": (
        {"store": {"type": "external", "external": {"host": "a", "tls": {"enabled": True}}}},
        "store.external.tls.existingSecret",
    ),
    "grace shorter than the timeout": (
        {"pools": {"default": {"queues": ["default"], "maxJobSeconds": 300, "graceSeconds": 60}}},
        "pools.default.graceSeconds",
    ),
}


def test_default_values_are_ready_and_pass_their_test(
    release: Release, figure: Callable[[str, object], None]
) -> None:
    began = time.monotonic()
    said = release.install({})
    figure("seconds from install to ready", time.monotonic() - began)

    assert "warn" not in said.lower()
    assert "Phase:          Succeeded" in release.test()


def test_an_upgrade_of_the_previous_chart_a_rollback_and_an_uninstall_leave_only_the_volume(
    namespace: Namespace, tmp_path: Path
) -> None:
    check_out_previous(tmp_path, "helm/jobyard")
    old, new = Release(namespace, tmp_path / "helm/jobyard"), Release(namespace)
    before = leftovers(namespace)
    old.install(EVERYTHING)
    assert "Phase:          Succeeded" in old.test()

    new.upgrade(EVERYTHING | {"scheduler": {"replicaCount": 3}})
    assert "Phase:          Succeeded" in new.test()
    assert namespace.get("deployment", f"{FULL_NAME}-scheduler")["spec"]["replicas"] == 3
    new.rollback()
    assert namespace.get("deployment", f"{FULL_NAME}-scheduler")["spec"]["replicas"] == 2
    assert "Phase:          Succeeded" in old.test()
    new.uninstall()

    volume = f"persistentvolumeclaim/data-{FULL_NAME}-store-0"
    assert volume.rpartition("/")[2] in (ROOT / "docs/kubernetes.md").read_text()
    wait_for(lambda: leftovers(namespace) - before == {volume}, 120, lambda: str(
        leftovers(namespace) - before))  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_values_are_refused_with_what_to_do(
    name: str, release: Release, namespace: Namespace
) -> None:
    values, named = BAD[name]

    with pytest.raises(RefusedError, match=named):
        release.install(values)
    assert not [each for each in leftovers(namespace) if NAME in each]


def leftovers(namespace: Namespace) -> set[str]:
    """All objects of the namespace as kind/name, but for what happened and what is measured."""
    listed = namespace.kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name")
    kinds = [each for each in listed.split() if not each.startswith(("events", "pods.metrics"))]
    said = namespace.kubectl("get", ",".join(kinds), "--output", "name", "--ignore-not-found")
    return set(said.split())
