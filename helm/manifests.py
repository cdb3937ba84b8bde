"""Renders the chart into k8s/, for those who apply manifests without Helm.

Run by ``make manifests``; a test compares what is committed with what this makes. ``base`` has the
objects that are the same with and without KEDA, the overlays those that differ.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[1]
FIRST_LINE = "# Generated from helm/jobyard by `make manifests`: change the chart instead.\n"
NAME = "jobyard"
"""Of the release and of the namespace."""

Object: TypeAlias = dict[str, Any]

_FIXED: dict[str, Any] = {}
_KEDA = {"pools": {"default": {"autoscaling": {"enabled": True}}}}
_HELM_LABELS = ("helm.sh/chart", "app.kubernetes.io/managed-by")


def main(helm: str) -> None:
    """Writes the generated files below k8s/."""
    for path, text in files(helm).items():
        (ROOT / "k8s" / path).write_text(text)


def files(helm: str) -> dict[str, str]:
    """Path below k8s/ → text of each generated file. ``helm`` is the program."""
    fixed, keda = objects(helm, _FIXED), objects(helm, _KEDA)
    same = [each for each in fixed if each in keda]
    return {
        "base/jobyard.yaml": _text(same),
        "overlays/fixed/jobyard.yaml": _text(each for each in fixed if each not in same),
        "overlays/keda/jobyard.yaml": _text(each for each in keda if each not in same),
    }


def objects(helm: str, values: dict[str, Any]) -> list[Object]:
    """What the chart renders for a cluster with KEDA, without what only Helm needs."""
    command = [
        helm, "template", NAME, str(ROOT / "helm" / "jobyard"), "--namespace", NAME, "--skip-tests",
        "--api-versions", "keda.sh/v1alpha1/ScaledObject", "--values", "-",
    ]  # fmt: skip
    done = subprocess.run(
        command, input=json.dumps(values), capture_output=True, text=True, check=True
    )
    return [_plain(each) for each in yaml.safe_load_all(done.stdout) if each]


def _plain(each: Object) -> Object:
    metadata = each["metadata"]
    for label in _HELM_LABELS:
        del metadata["labels"][label]
    notes = metadata.get("annotations", {})
    for hook in [name for name in notes if name.startswith("helm.sh/hook")]:
        del notes[hook]
    if not notes:
        metadata.pop("annotations", None)
    return each


def _text(chosen: Iterable[Object]) -> str:
    return FIRST_LINE + yaml.dump_all(
        chosen, Dumper=_Dumper, sort_keys=False, width=4096, explicit_start=True
    )


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such, and no object by reference."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _string)


if __name__ == "__main__":
    main(sys.argv[1])
