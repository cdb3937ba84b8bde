"""A Job says what a pool has that may be without pods, for nobody else does."""

from __future__ import annotations

from typing import Any

import pytest

from support.chart import Object, environment_of, render

SCALED = {"autoscaling": {"enabled": True}}


def jobs(pool: dict[str, Any], **values: Any) -> list[Object]:
    """What publishes the tasks of a pool ``mail``."""
    pools = {"default": None, "mail": {"queues": ["mail"], **pool}}
    found = render({"pools": pools, **values}).of("Job")
    part = "app.kubernetes.io/component"
    return [each for each in found if each["metadata"]["labels"][part] == "publish"]


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (SCALED, 1),
        ({"replicaCount": 0}, 1),
        ({}, 0),
        ({"autoscaling": {"enabled": True, "minReplicas": 1}}, 0),
    ],
)
def test_a_pool_has_one_where_it_may_be_without_pods(pool: dict[str, Any], expected: int) -> None:
    assert len(jobs(pool)) == expected


def test_it_has_what_the_pools_workers_have() -> None:
    files = {"files": {"hello.py": "x"}, "modules": ["hello"]}
    values = {"tasks": files, "pools": {"default": SCALED | {"extraEnv": [{"name": "A"}]}}}
    release = render(values)
    worker = release.one("Deployment", "-worker-default")["spec"]["template"]
    [publisher] = [each["spec"]["template"] for each in release.of("Job") if "publish" in str(each)]

    assert environment_of(publisher) == environment_of(worker)
    ours, theirs = (pod["spec"]["containers"][0] for pod in (publisher, worker))
    for field in ("image", "resources", "volumeMounts", "securityContext"):
        assert ours[field] == theirs[field]
    assert publisher["spec"]["volumes"] == worker["spec"]["volumes"]
    assert ours["args"] == ["--publish"]
    assert publisher["spec"]["automountServiceAccountToken"] is False


def test_it_runs_after_each_change_of_the_release() -> None:
    [job] = jobs(SCALED)

    hooks = job["metadata"]["annotations"]["helm.sh/hook"].split(",")

    assert set(hooks) == {"post-install", "post-upgrade", "post-rollback"}


@pytest.mark.parametrize(
    "changed",
    [
        {"tasks": {"files": {"hello.py": "new"}}},
        {"image": {"tag": "2"}},
        {"settings": {"defaultQueue": "mail"}},
    ],
)
def test_one_that_would_differ_has_another_name(changed: dict[str, Any]) -> None:
    [before], [after] = jobs(SCALED), jobs(SCALED, **changed)

    assert before["metadata"]["name"] != after["metadata"]["name"]


def test_its_name_is_no_longer_than_a_label() -> None:
    release = render(
        {"fullnameOverride": "x" * 40, "pools": {"a" * 20: {"queues": ["a"], **SCALED}}}
    )

    assert all(len(each["metadata"]["name"]) <= 63 for each in release.of("Job"))
