"""Installing takes one command, and uninstalling leaves what the docs name."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from e2e.release import FULL_NAME, NAME
from support.chart import RefusedError
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.kube import Namespace
    from e2e.release import Release

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

KINDS = (
    "all,configmap,secret,serviceaccount,role,rolebinding,ingress,networkpolicy,poddisruptionbudget,"
    "scaledobject,triggerauthentication,horizontalpodautoscaler,persistentvolumeclaim"
)
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


def test_an_upgrade_a_rollback_and_an_uninstall_leave_only_the_volume(
    release: Release, namespace: Namespace
) -> None:
    before = leftovers(namespace)
    release.install({})

    release.upgrade({"settings": {"logLevel": "debug"}, "scheduler": {"replicaCount": 3}})
    assert namespace.get("deployment", f"{FULL_NAME}-scheduler")["spec"]["replicas"] == 3
    release.rollback()
    assert namespace.get("deployment", f"{FULL_NAME}-scheduler")["spec"]["replicas"] == 2
    assert "Phase:          Succeeded" in release.test()
    release.uninstall()

    volume = f"persistentvolumeclaim/data-{FULL_NAME}-store-0"
    wait_for(lambda: leftovers(namespace) - before == {volume}, 60, lambda: str(
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
    """All objects of the kinds that the chart makes, as kind/name."""
    said = namespace.kubectl("get", KINDS, "--output", "name")
    return set(said.replace("persistentvolumeclaims", "persistentvolumeclaim").split())
