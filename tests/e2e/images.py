"""The images under test: built here, put into the cluster."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING

from e2e.places import ROOT
from e2e.values import WORKER

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
SERVICES = ("api", "worker", "scheduler")
STORE = "valkey/valkey:8.1-trixie"


def put(load: str, arguments: str = "") -> None:
    """Builds all images and runs ``load IMAGE…``; ``arguments`` are ``docker build``'s."""
    _run(["make", "images", f"DOCKER={docker()}", f"IMAGE_ARGS={arguments}"])
    worker = f"{WORKER}:{VERSION}"
    _run([
        docker(), "build", "--tag", worker,
        "--build-arg", f"WORKER=jobyard-worker:{VERSION}", str(ROOT / "tests/e2e/image"),
    ])  # fmt: skip
    names = [*(f"jobyard-{service}:{VERSION}" for service in SERVICES), worker, STORE]
    _run([*shlex.split(load), *names])


def docker() -> str:
    """Docker's own client: a wrapper on the PATH may know no BuildKit."""
    own = "/usr/bin/docker"
    return own if os.access(own, os.X_OK) else shutil.which("docker") or "docker"


def _run(command: Sequence[str]) -> None:
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
