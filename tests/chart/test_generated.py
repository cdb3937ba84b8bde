"""What is committed is what the generators make of values.yaml and of the chart."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from support.chart import CHART, ROOT
from support.kube_tools import helm, kubectl

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

VALUES = (CHART / "values.yaml").read_text()


def script(name: str) -> ModuleType:
    """A script of helm/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "helm" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return script("values_reference")


def test_the_schema_is_that_of_the_values(reference: ModuleType) -> None:
    assert (CHART / "values.schema.json").read_text() == reference.schema_of(VALUES)


def test_the_readme_has_the_table_of_the_values(reference: ModuleType) -> None:
    readme = (CHART / "README.md").read_text()

    assert readme == reference.with_table(readme, VALUES)


def test_k8s_is_what_the_chart_renders() -> None:
    for path, text in script("manifests").files(str(helm())).items():
        assert (ROOT / "k8s" / path).read_text() == text, f"k8s/{path}: make manifests"


def built(folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [kubectl(), "kustomize", folder], capture_output=True, text=True, check=True
    )
    return list(yaml.safe_load_all(done.stdout))


@pytest.mark.parametrize(
    ("folder", "values"),
    [
        (".", {}),
        ("overlays/fixed", {}),
        ("overlays/keda", {"pools": {"default": {"autoscaling": {"enabled": True}}}}),
    ],
)
def test_kustomize_builds_the_charts_objects(folder: str, values: dict[str, Any]) -> None:
    rendered = script("manifests").objects(str(helm()), values)

    found = [each for each in built(ROOT / "k8s" / folder) if each["kind"] != "Namespace"]

    key = lambda each: (each["kind"], each["metadata"]["name"])  # noqa: E731
    assert sorted(found, key=key) == sorted(rendered, key=key)
