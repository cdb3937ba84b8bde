"""Values that cannot work are refused with one line that names the value and says what to do."""

from __future__ import annotations

from typing import Any

import pytest

from support.chart import CAPABILITIES, RefusedError, render

KEDA = {"enabled": True, "type": "keda"}
EXTERNAL = {"type": "external", "external": {"host": "store.example"}}
SECRET = {"existingSecret": "yard-secret"}


def external(**values: Any) -> dict[str, Any]:
    return {
        "secret": SECRET,
        "store": {"type": "external", "external": {"host": "store.example", **values}},
    }


def pool(**values: Any) -> dict[str, Any]:
    return {"pools": {"default": values}}


REFUSED: list[tuple[dict[str, Any], str]] = [
    (pool(queues=[]), "pools.default.queues is empty: name the queues"),
    ({"pools": {"mail": {}}}, "pools.mail.queues is empty"),
    ({"pools": {"default": None}}, "pools is empty: without a pool no job runs"),
    (pool(maxJobSeconds=600, graceSeconds=600), "pools.default.graceSeconds is 600, shorter than"),
    (pool(weights={"high": 2}), "pools.default.order=weighted"),
    (pool(order="weighted", weights={"x": 2}), "pools.default.weights names queue x"),
    (pool(concurrency=1001), "pools.default.executor=asyncio"),
    (
        pool(autoscaling={"minReplicas": 3, "maxReplicas": 2}),
        "pools.default.autoscaling.minReplicas is above maxReplicas",
    ),
    (
        pool(autoscaling={"enabled": True, "type": "hpa"}),
        "pools.default.autoscaling.minReplicas is 0: before Kubernetes 1.37",
    ),
    (
        {
            "pools": {
                "default": {"queues": ["a", "mail"], "autoscaling": KEDA},
                "second": {"queues": ["mail.high"], "autoscaling": KEDA},
            }
        },
        "pools.default and pools.second both scale by queue mail",
    ),
    ({"store": EXTERNAL}, "secret.existingSecret is empty: name a Secret with the external"),
    ({"store": {"type": "external"}, "secret": SECRET}, "store.external.host is empty"),
    ({"store": {"external": {"host": "x"}}}, "set store.type=external"),
    (external(tls={"enabled": True}), "store.external.tls.existingSecret is empty: name a Secret"),
    (external(tls={"client": True}), "store.external.tls.client needs TLS"),
    (external(sentinel={"addresses": ["a:1"]}), "store.external.sentinel.service is empty"),
    ({"gateway": {"enabled": True}}, "gateway.parentRefs is empty"),
    (
        {"tasks": {"files": {"a.py": ""}, "existingConfigMap": "x"}},
        "tasks.files and tasks.existingConfigMap are both set",
    ),
    (
        {"schedules": {"toml": "x", "existingConfigMap": "x"}},
        "schedules.toml and schedules.existingConfigMap are both set",
    ),
    (
        {"api": {"extraEnv": [{"name": "JOBYARD_API_HOST", "value": "x"}]}},
        "api.extraEnv or settings.env sets JOBYARD_API_HOST, which the chart sets too",
    ),
    (
        {"settings": {"env": {"JOBYARD_POOL": "x"}}},
        "pools.default.extraEnv or settings.env sets JOBYARD_POOL",
    ),
    (
        {"api": {"autoscaling": {"enabled": True, "minReplicas": 9}}},
        "api.autoscaling.minReplicas is above maxReplicas",
    ),
]


@pytest.mark.parametrize(("values", "message"), REFUSED, ids=[text for _, text in REFUSED])
def test_a_contradiction_is_refused_in_one_line(values: dict[str, Any], message: str) -> None:
    with pytest.raises(RefusedError) as refused:
        render(values)

    told = [line for line in str(refused.value).splitlines() if message in line]
    assert len(told) == 1, str(refused.value)


@pytest.mark.parametrize(
    ("values", "kind", "advice"),
    [
        (pool(autoscaling=KEDA), "keda.sh/v1alpha1/ScaledObject", "install KEDA, or set it to"),
        (
            {"gateway": {"enabled": True, "parentRefs": [{"name": "x"}]}},
            "gateway.networking.k8s.io/v1/HTTPRoute",
            "set gateway.enabled=false",
        ),
        (
            {"metrics": {"podMonitor": {"enabled": True}}},
            "monitoring.coreos.com/v1/PodMonitor",
            "set metrics.podMonitor.enabled=false",
        ),
        (
            {"metrics": {"rules": {"enabled": True}}},
            "monitoring.coreos.com/v1/PrometheusRule",
            "set metrics.rules.enabled=false",
        ),
    ],
)
def test_what_the_cluster_lacks_is_named(values: dict[str, Any], kind: str, advice: str) -> None:
    others = tuple(each for each in CAPABILITIES if each != kind)

    with pytest.raises(RefusedError, match=advice):
        render(values, capabilities=others)


def test_an_hpa_may_reach_zero_from_kubernetes_1_37_on() -> None:
    release = render(pool(autoscaling={"enabled": True, "type": "hpa"}), kube_version="1.37.0")

    assert release.one("HorizontalPodAutoscaler")["spec"]["minReplicas"] == 0
