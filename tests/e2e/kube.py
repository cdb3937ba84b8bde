"""One namespace of a real cluster, through kubectl."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.kube_tools import kubectl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

KUBECONFIG = "JOBYARD_TEST_KUBECONFIG"
"""Names the cluster; without it these tests are not collected."""

RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/warn": "restricted",
}


class KubectlError(Exception):
    """kubectl did not do it; the message is its own."""


def fresh_namespace(purpose: str) -> Namespace:
    """A new namespace that only takes pods of the restricted standard."""
    words = re.sub(r"[^a-z0-9]+", "-", purpose)[:30].strip("-")
    namespace = Namespace(f"e2e-{words}-{secrets.token_hex(3)}")
    metadata = {"name": namespace.name, "labels": RESTRICTED}
    namespace.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    return namespace


def environment() -> dict[str, str]:
    """The environment of kubectl and helm."""
    return {**os.environ, "KUBECONFIG": os.environ[KUBECONFIG]}


def conditions_of(found: Mapping[str, Any]) -> dict[str, str]:
    """The conditions of an object, type → status."""
    conditions = found.get("status", {}).get("conditions", [])
    return {each["type"]: each["status"] for each in conditions}


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace; methods run kubectl in it and raise ``KubectlError``."""

    name: str

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What ``kubectl …`` prints."""
        done = subprocess.run(
            [str(kubectl()), "--namespace", self.name, *arguments],
            input=stdin, env=environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def remove(self) -> None:
        """Has the namespace deleted with all that is in it; waits for none of its pods."""
        # First what KEDA tidies up, for which it asks the store; then no pod's grace is waited for.
        self.kubectl("delete", "scaledobjects", "--all", "--timeout=60s")
        self.kubectl("delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false")
        self.kubectl("delete", "namespace", self.name, "--wait=false")

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Creates or changes objects."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "--server-side", "--filename", "-", stdin=json.dumps(items))

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """One object."""
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "--output", "json"))
        return found

    def list(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        """Objects of a kind, those that a label selector chooses."""
        said = self.kubectl("get", kind, "--selector", selector, "--output", "json")
        items: list[dict[str, Any]] = json.loads(said)["items"]
        return items

    @contextmanager
    def forwarded(self, target: str, port: int) -> Iterator[int]:
        """A port of this machine's loopback address that leads to ``port`` of a pod or Service."""
        command = [str(kubectl()), "--namespace", self.name, "port-forward", target, f":{port}"]
        with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as way:
            assert way.stdout is not None
            said = way.stdout.readline()
            try:
                yield int(said.split("127.0.0.1:")[1].split()[0])
            finally:
                way.terminate()

    def copy(
        self, pod: str, *command: str, out: Path | None = None, source: Path | None = None
    ) -> None:
        """Runs a command in a pod, with its output into a file, or its input from one."""
        words = [str(kubectl()), "--namespace", self.name, "exec", "--stdin", pod, "--", *command]
        with ExitStack() as files:
            taken = files.enter_context(source.open("rb")) if source else subprocess.DEVNULL
            given = files.enter_context(out.open("wb")) if out else subprocess.DEVNULL
            subprocess.run(words, env=environment(), stdin=taken, stdout=given, check=True)

    def metrics(self, pod: str, port: int) -> str:
        """``/metrics`` of a pod, through the API server."""
        path = f"/api/v1/namespaces/{self.name}/pods/{pod}:{port}/proxy/metrics"
        return self.kubectl("get", "--raw", path)
