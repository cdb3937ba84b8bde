"""The examples fit the chart: their values are taken, and what they patch is there."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
import yaml

from support.chart import ROOT, environment_of, render
from support.kube_tools import kubectl

EXAMPLES = ROOT / "k8s" / "examples"


def values_of(path: str) -> dict[str, Any]:
    spec = yaml.safe_load((EXAMPLES / path).read_text())["spec"]
    found: dict[str, Any] = spec.get("values") or spec["source"]["helm"]["valuesObject"]
    return found


@pytest.mark.parametrize("path", ["argo-cd/application.yaml", "flux/helmrelease.yaml"])
def test_gitops_brings_values_that_the_chart_takes(path: str) -> None:
    release = render(values_of(path))

    assert release.one("ScaledObject")
    assert not release.of("Secret")


def test_gitops_leads_to_the_chart() -> None:
    application = yaml.safe_load((EXAMPLES / "argo-cd/application.yaml").read_text())
    release = yaml.safe_load((EXAMPLES / "flux/helmrelease.yaml").read_text())

    assert (ROOT / application["spec"]["source"]["path"] / "Chart.yaml").exists()
    assert (ROOT / release["spec"]["chart"]["spec"]["chart"] / "Chart.yaml").exists()


def test_the_example_of_a_task_adds_it_to_the_workers() -> None:
    done = subprocess.run(
        [kubectl(), "kustomize", EXAMPLES / "hello"], capture_output=True, text=True, check=True
    )
    objects = list(yaml.safe_load_all(done.stdout))

    [worker] = [o for o in objects if o["metadata"]["name"] == "jobyard-worker-default"
                and o["kind"] == "Deployment"]  # fmt: skip
    pod = worker["spec"]["template"]
    [tasks] = [v for v in pod["spec"]["volumes"] if v["name"] == "tasks"]
    [files] = [o for o in objects if o["metadata"]["name"] == tasks["configMap"]["name"]]
    assert environment_of(pod)["JOBYARD_TASK_MODULES"] == "hello"
    assert "hello.py" in files["data"]
    assert {"secret", "tmp", "tasks"} == {v["name"] for v in pod["spec"]["volumes"]}
