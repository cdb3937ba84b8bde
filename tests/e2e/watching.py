"""What happened to pods and Deployments while a test ran, from the cluster's own watches."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from e2e.kube import environment
from support.kube_tools import kubectl

if TYPE_CHECKING:
    from e2e.kube import Namespace

_SIGKILL = 128 + 9


@dataclass
class Watch:
    """Reads one watch of the API server in a thread, until the block is left."""

    path: str
    seen: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    """When and what, in order: the object after each of its changes."""

    def __enter__(self) -> Self:
        command = [str(kubectl()), "get", "--raw", f"{self.path}?watch=true&timeoutSeconds=3600"]
        self._process = subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.seen.append((time.time(), json.loads(line)["object"]))


class PodWatch(Watch):
    """All pods of a namespace."""

    def __init__(self, namespace: Namespace) -> None:
        super().__init__(f"/api/v1/namespaces/{namespace.name}/pods")

    def ended(self, part: str) -> dict[str, list[int]]:
        """Pod → exit codes of its containers, of the pods whose name has ``part``."""
        codes: dict[str, list[int]] = {}
        for _, pod in self.seen:
            name = pod["metadata"]["name"]
            found = [code for status in _statuses(pod) if (code := _exit_code(status)) is not None]
            if found and part in name:
                codes[name] = found
        return codes

    def killed(self, part: str) -> list[str]:
        """Pods of which a container was ended by SIGKILL."""
        return [name for name, codes in self.ended(part).items() if _SIGKILL in codes]


class ReplicaWatch(Watch):
    """All Deployments of a namespace."""

    def __init__(self, namespace: Namespace) -> None:
        super().__init__(f"/apis/apps/v1/namespaces/{namespace.name}/deployments")

    def timeline(self, name: str) -> list[tuple[float, int, int]]:
        """``(time, wanted, ready)`` of one Deployment, where it changed."""
        steps: list[tuple[float, int, int]] = []
        for at, each in self.seen:
            now = (each["spec"]["replicas"], each["status"].get("readyReplicas", 0))
            if each["metadata"]["name"] == name and (not steps or steps[-1][1:] != now):
                steps.append((at, *now))
        return steps

    def ready(self, name: str) -> int:
        """The pods of one that are ready now."""
        timeline = self.timeline(name)
        return timeline[-1][2] if timeline else 0

    def wanted(self, name: str) -> list[int]:
        """The replicas that were asked for, one after the other, each once in a row."""
        steps = [wanted for _, wanted, _ in self.timeline(name)]
        return [each for i, each in enumerate(steps) if i == 0 or each != steps[i - 1]]


def _statuses(pod: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pod["status"].get("containerStatuses", [])
    return found


def _exit_code(status: dict[str, Any]) -> int | None:
    for state in (status["state"], status.get("lastState", {})):
        if "terminated" in state:
            return int(state["terminated"]["exitCode"])
    return None
