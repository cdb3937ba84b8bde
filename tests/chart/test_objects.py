"""Whatever the values: the objects are valid, fit each other, and pass the restricted standard."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from support.chart import Object, Release, render
from support.chart_cases import CASES

SCHEMAS = {
    path.stem: json.loads(path.read_text())
    for path in (Path(__file__).parent / "crds").glob("*.json")
}
CUSTOM = ("keda.sh/", "monitoring.coreos.com/", "gateway.networking.k8s.io/")
ANY_CASE = pytest.mark.parametrize("case", CASES)


def release_of(case: str) -> Release:
    return render(CASES[case])


@pytest.mark.parametrize(
    ("case", "version"),
    [*((case, "1.37") for case in CASES), ("everything", "1.29"), ("default", "1.34")],
)
def test_every_object_is_valid(case: str, version: str) -> None:
    for each in release_of(case).objects:
        if each["apiVersion"].startswith(CUSTOM):
            jsonschema.Draft202012Validator(SCHEMAS[each["kind"]]).validate(each)
        else:
            kubernetes_validate.validate(each, version, strict=True)


@ANY_CASE
def test_no_object_stands_twice(case: str) -> None:
    named = Counter((o["kind"], o["metadata"]["name"]) for o in release_of(case).objects)

    assert {key for key, times in named.items() if times > 1} == set()


@ANY_CASE
def test_no_name_stands_twice_in_a_pod(case: str) -> None:
    for name, pod in release_of(case).pods():
        for container in pod["spec"]["containers"]:
            for field in ("env", "ports", "volumeMounts"):
                key = "mountPath" if field == "volumeMounts" else "name"
                found = Counter(each[key] for each in container.get(field, []))
                assert max(found.values(), default=1) == 1, (name, field, found)
        volumes = Counter(each["name"] for each in pod["spec"].get("volumes", []))
        assert max(volumes.values(), default=1) == 1, (name, volumes)


@ANY_CASE
def test_every_mount_has_its_volume(case: str) -> None:
    for name, pod in release_of(case).pods():
        volumes = {each["name"] for each in pod["spec"].get("volumes", [])}
        volumes |= {"data"} if name.startswith("StatefulSet") else set()
        mounts = {each["name"] for each in pod["spec"]["containers"][0].get("volumeMounts", [])}
        assert mounts == volumes, name


def shows(labels: dict[str, str], selector: Object) -> bool:
    """Whether a label selector takes what has these labels."""
    wanted = selector.get("matchLabels", {}).items()
    return all(labels.get(key) == value for key, value in wanted) and all(
        labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", [])
    )


def selected(release: Release, selector: Object) -> list[Object]:
    return [pod for _, pod in release.pods() if shows(pod["metadata"]["labels"], selector)]


def ports_of(pod: Object) -> dict[str, int]:
    return {each["name"]: each["containerPort"] for each in pod["spec"]["containers"][0]["ports"]}


@ANY_CASE
def test_every_selector_finds_the_pods_that_it_is_for(case: str) -> None:
    release = release_of(case)

    for each in release.of("Service"):
        pods = selected(release, {"matchLabels": each["spec"]["selector"]})
        assert len(pods) == 1, each["metadata"]["name"]
        assert each["spec"]["ports"][0]["targetPort"] in ports_of(pods[0])
    for each in (*release.of("PodDisruptionBudget"), *release.of("Deployment")):
        assert len(selected(release, each["spec"]["selector"])) == 1, each["metadata"]["name"]
    for each in release.of("NetworkPolicy"):
        assert selected(release, each["spec"]["podSelector"]), each["metadata"]["name"]


def test_the_pod_monitor_finds_every_part_by_a_port_that_it_has() -> None:
    release = release_of("everything")
    monitor = release.one("PodMonitor")["spec"]

    found = selected(release, monitor["selector"])

    parts = {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in found}
    assert parts == {"api", "scheduler", "worker"}
    for endpoint in monitor["podMetricsEndpoints"]:
        assert all(endpoint["port"] in ports_of(pod) for pod in found)


@ANY_CASE
def test_selectors_hold_nothing_that_changes(case: str) -> None:
    for each in release_of(case).of("Deployment"):
        keys = set(each["spec"]["selector"]["matchLabels"])
        assert keys <= {
            "app.kubernetes.io/name",
            "app.kubernetes.io/instance",
            "app.kubernetes.io/component",
            "jobyard/pool",
        }


@ANY_CASE
def test_probes_ask_ports_that_there_are(case: str) -> None:
    for each in release_of(case).of("Deployment"):
        pod = each["spec"]["template"]
        container = pod["spec"]["containers"][0]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["port"] in ports_of(pod)


def test_an_outage_of_the_store_leaves_the_api_in_its_service_for_a_minute() -> None:
    pod = release_of("default").one("Deployment", "-api")["spec"]["template"]
    probe = pod["spec"]["containers"][0]["readinessProbe"]

    assert probe["failureThreshold"] * probe["periodSeconds"] >= 60


@ANY_CASE
def test_roads_lead_to_the_service(case: str) -> None:
    release = release_of(case)
    service = release.one("Service", "-api")
    [port] = service["spec"]["ports"]

    for each in release.of("Ingress"):
        [path] = each["spec"]["rules"][0]["http"]["paths"]
        assert path["backend"]["service"]["name"] == service["metadata"]["name"]
        assert path["backend"]["service"]["port"]["name"] == port["name"]
    for each in release.of("HTTPRoute"):
        [backend] = each["spec"]["rules"][0]["backendRefs"]
        assert (backend["name"], backend["port"]) == (service["metadata"]["name"], port["port"])


@ANY_CASE
def test_service_accounts_are_there_and_bring_no_token(case: str) -> None:
    release = release_of(case)
    accounts = {each["metadata"]["name"]: each for each in release.of("ServiceAccount")}

    for name, pod in release.pods():
        account = pod["spec"]["serviceAccountName"]
        assert accounts[account]["automountServiceAccountToken"] is False
        publishes = "-publish-" in name
        needs_token = account.endswith(("-worker-scaled", "-secret")) and not publishes
        assert pod["spec"]["automountServiceAccountToken"] is needs_token, name


@ANY_CASE
def test_who_has_a_token_may_do_little(case: str) -> None:
    allowed = {
        "-worker-scaled": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "patch"]}],
        "-secret": [
            {
                "apiGroups": [""],
                "resources": ["secrets"],
                "resourceNames": ["yard-jobyard"],
                "verbs": ["get", "patch"],
            }
        ],
    }

    for role in release_of(case).of("Role"):
        ending = role["metadata"]["name"].removeprefix("yard-jobyard")
        assert role["rules"] == allowed[ending]
    assert not release_of(case).of("ClusterRole")


@ANY_CASE
def test_every_pod_passes_the_restricted_standard(case: str) -> None:
    for name, pod in release_of(case).pods():
        assert not list(violations(pod["spec"])), name


def violations(spec: dict[str, Any]) -> list[str]:
    """What the restricted pod security standard would say (v1.34)."""
    pod = spec["securityContext"]
    found = [key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    if not pod["runAsNonRoot"] or not pod["runAsUser"]:
        found.append("runs as root")
    if pod["seccompProfile"]["type"] != "RuntimeDefault":
        found.append("seccomp")
    found += [each["name"] for each in spec.get("volumes", []) if "hostPath" in each]
    for container in spec["containers"]:
        own = container["securityContext"]
        if own["allowPrivilegeEscalation"] or own["capabilities"] != {"drop": ["ALL"]}:
            found.append("privileges")
        if not own["readOnlyRootFilesystem"]:
            found.append("writable root")
        if "limits" not in container["resources"] or "requests" not in container["resources"]:
            found.append("no bounds")
    return found


def test_names_fit_however_long_the_release_is() -> None:
    values = {"pools": {"default": {"autoscaling": {"enabled": True}}, "p" * 20: {"queues": ["x"]}}}

    release = render(values, release="r" * 53)

    for each in release.objects:
        assert len(each["metadata"]["name"]) <= 63, each["metadata"]["name"]
        for value in each["metadata"]["labels"].values():
            assert len(value) <= 63


def test_nothing_is_evictable_to_none() -> None:
    for each in release_of("everything").of("PodDisruptionBudget"):
        assert each["spec"]["maxUnavailable"] == 1
        assert each["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert not release_of("minimal").of("PodDisruptionBudget")


def test_images_take_registry_tag_and_digest() -> None:
    release = release_of("everything")

    images = {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]["containers"][0]["image"]
        for each in release.of("Deployment")
    }

    assert images["yard-jobyard-scheduler"] == ("registry.example.com/jobs/jobyard-scheduler:1.2.3")
    assert images["yard-jobyard-api"].startswith("registry.example.com/jobs/jobyard-api@sha256:")


def template_of(release: Release, ending: str) -> Object:
    found: Object = release.one("Deployment", ending)["spec"]["template"]
    return found


def test_a_changed_schedule_replaces_schedulers_only() -> None:
    before, after = (
        render({"schedules": {"toml": text}, "tasks": {"files": {"a.py": "x = 1"}}})
        for text in ("# one", "# two")
    )

    assert template_of(before, "-scheduler") != template_of(after, "-scheduler")
    assert template_of(before, "-api") == template_of(after, "-api")
    assert template_of(before, "-worker-default") == template_of(after, "-worker-default")


def test_a_changed_task_replaces_workers_only() -> None:
    before, after = (render({"tasks": {"files": {"a.py": f"x = {n}"}}}) for n in (1, 2))

    assert template_of(before, "-worker-default") != template_of(after, "-worker-default")
    assert template_of(before, "-scheduler") == template_of(after, "-scheduler")


def test_a_rollout_token_replaces_all_pods_of_ours() -> None:
    before, after = (render({"secret": {"rolloutToken": token}}) for token in ("a", "b"))

    for ending in ("-api", "-scheduler", "-worker-default"):
        assert template_of(before, ending) != template_of(after, ending)
