"""A release of the chart in a namespace, through Helm."""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from e2e.kube import environment
from support.chart import CHART, RefusedError
from support.kube_tools import helm

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from e2e.kube import Namespace

NAME = "yard"
FULL_NAME = "yard-jobyard"


@dataclass(frozen=True, slots=True)
class Release:
    """One installation; each step returns what Helm said when everything is ready."""

    namespace: Namespace
    chart: Path = CHART

    def install(self, values: Mapping[str, Any], seconds: int = 300) -> str:
        """``helm install --wait``."""
        return self._helm("install", NAME, str(self.chart), *_waiting(seconds), values=values)

    def upgrade(self, values: Mapping[str, Any], seconds: int = 300) -> str:
        """``helm upgrade --wait``."""
        return self._helm("upgrade", NAME, str(self.chart), *_waiting(seconds), values=values)

    def change(self, values: Mapping[str, Any]) -> str:
        """``helm upgrade``, which does not wait for the pods."""
        return self._helm("upgrade", NAME, str(self.chart), values=values)

    def rollback(self, seconds: int = 300) -> str:
        """``helm rollback --wait`` to the revision before."""
        return self._helm("rollback", NAME, *_waiting(seconds))

    def uninstall(self) -> str:
        """``helm uninstall --wait``."""
        return self._helm("uninstall", NAME, *_waiting(300))

    def test(self) -> str:
        """``helm test``."""
        return self._helm("test", NAME, "--timeout", "120s")

    def api_key(self) -> str:
        """The bootstrap key."""
        return self.secret("bootstrap-key")

    def secret(self, key: str, name: str = FULL_NAME) -> str:
        """One value of the Secret."""
        data = self.namespace.get("secret", name)["data"]
        return base64.b64decode(data[key]).decode()

    def pool(self, name: str) -> str:
        """Name of the Deployment of a pool."""
        return f"{FULL_NAME}-worker-{name}"

    def _helm(self, *arguments: str, values: Mapping[str, Any] | None = None) -> str:
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(values or {}, file)
            file.flush()
            given = () if values is None else ("--values", file.name)
            command = [str(helm()), "--namespace", self.namespace.name, *arguments, *given]
            done = subprocess.run(
                command, env=environment(), capture_output=True, text=True, check=False
            )
        if done.returncode:
            raise RefusedError(done.stderr)
        return done.stdout + done.stderr


def _waiting(seconds: int) -> tuple[str, ...]:
    return ("--wait", "--timeout", f"{seconds}s")
