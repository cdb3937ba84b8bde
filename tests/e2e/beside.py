"""The cluster beside this repository, on machines that have one: started, made usable, stopped."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from e2e.images import VERSION, docker, run
from e2e.places import ROOT, SHARED
from support.kube_tools import kubectl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_VOLUMES = ROOT / "tests/e2e/volumes.yaml"
_STARTING = "starting the control plane"


class NoClusterError(Exception):
    """There is none, or it does not start; says why."""


@contextmanager
def cluster() -> Iterator[str]:
    """Its kubeconfig. Stops it at the end if it did not run before.

    Raises:
        NoClusterError: There is none here.
    """
    _require(SHARED / "up")
    for command in ("base-image", "valkey-image"):
        _run(command)
    started = _run("up")
    # Docker has packets between pods dropped that it knows nothing of.
    subprocess.run(["iptables", "--policy", "FORWARD", "ACCEPT"], check=True)
    try:
        yield started.stdout.strip().partition("KUBECONFIG=")[2]
    finally:
        if _STARTING in started.stderr:
            _run("down")


def take(images: Sequence[str]) -> None:
    """Puts images into it. In one archive: they share most of their layers."""
    with tempfile.TemporaryDirectory() as folder:
        archive = f"{folder}/images.tar"
        run([docker(), "save", "--output", archive, *images])
        run([str(SHARED / "load"), archive])


def make_volumes_writable(kubeconfig: str) -> None:
    """Starts what ``volumes.yaml`` describes."""
    image = f"image: jobyard-worker:{VERSION}"
    manifest = _VOLUMES.read_text().replace("image: jobyard-worker", image)
    _kubectl(kubeconfig, "apply", "--filename", "-", stdin=manifest)
    _kubectl(kubeconfig, "--namespace=kube-system", "rollout", "status", "deployment/volume-opener")


def _kubectl(kubeconfig: str, *arguments: str, stdin: str = "") -> None:
    command = [str(kubectl()), "--kubeconfig", kubeconfig, *arguments]
    subprocess.run(command, input=stdin, text=True, check=True, stdout=subprocess.DEVNULL)


def _require(program: Path) -> None:
    if not program.exists():
        raise NoClusterError("KUBECONFIG is not set, and no cluster can be started here")
    if os.getuid() != 0:
        raise NoClusterError("KUBECONFIG is not set, and only root can start a cluster here")


def _run(command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(SHARED / command)], capture_output=True, text=True, check=False, timeout=900
    )
    if done.returncode:
        raise NoClusterError(f"{command} failed: {done.stderr.strip()[-500:]}")
    return done
