"""Renders the Helm chart for tests: values in, Kubernetes objects out."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from support.kube_tools import helm

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "jobyard"

Object: TypeAlias = dict[str, Any]
"""One Kubernetes object, as YAML has it."""

CAPABILITIES = (
    "keda.sh/v1alpha1/ScaledObject",
    "gateway.networking.k8s.io/v1/HTTPRoute",
    "monitoring.coreos.com/v1/PodMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
)
"""What the chart asks a cluster for before it renders objects of these kinds."""


class RefusedError(Exception):
    """Helm refused the values; the message is its own."""


@dataclass(frozen=True, slots=True)
class Release:
    """The objects of one rendering."""

    objects: tuple[Object, ...]
    text: str

    def of(self, kind: str) -> list[Object]:
        """All objects of a kind."""
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind: str, ending: str = "") -> Object:
        """The one object of a kind whose name ends so."""
        found = [each for each in self.of(kind) if each["metadata"]["name"].endswith(ending)]
        assert len(found) == 1, f"{kind} …{ending}: {[each['metadata']['name'] for each in found]}"
        return found[0]

    def pods(self) -> Iterator[tuple[str, Object]]:
        """Name and pod (``metadata`` and ``spec``) of each object that makes pods."""
        for each in self.objects:
            name = f"{each['kind']} {each['metadata']['name']}"
            if each["kind"] == "Pod":
                yield name, each
            elif "template" in each.get("spec", {}):
                yield name, each["spec"]["template"]


def render(
    values: Mapping[str, Any] | None = None,
    *,
    release: str = "yard",
    namespace: str = "jobs",
    capabilities: tuple[str, ...] = CAPABILITIES,
    kube_version: str = "1.34.0",
    chart: Path = CHART,
) -> Release:
    """Renders as ``helm template`` does.

    Raises:
        RefusedError: The schema or a check of the chart's own says no.
    """
    command = (
        str(helm()), "template", release, str(chart), "--namespace", namespace,
        "--kube-version", kube_version, "--values", "-",
        *(f"--api-versions={each}" for each in capabilities),
    )  # fmt: skip
    return _rendered(command, json.dumps(values or {}))


@cache
def _rendered(command: tuple[str, ...], values: str) -> Release:
    done = subprocess.run(command, input=values, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RefusedError(done.stderr)
    return Release(tuple(filter(None, yaml.safe_load_all(done.stdout))), done.stdout)


def environment_of(pod: Object) -> dict[str, Any]:
    """Name → value (or where it comes from) of the environment of a pod's first container."""
    container = pod["spec"]["containers"][0]
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}
