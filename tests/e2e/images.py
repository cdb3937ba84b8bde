"""The images under test, built here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

from e2e.places import ROOT
from e2e.values import WORKER

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
SERVICES = ("api", "worker", "scheduler")
STORE = "valkey/valkey:8.1-trixie"


def build(arguments: str = "") -> list[str]:
    """Builds all images; their names, and the store's. ``arguments`` are ``docker build``'s."""
    run(["make", "images", f"DOCKER={docker()}", f"IMAGE_ARGS={arguments}"])
    worker = f"{WORKER}:{VERSION}"
    run([
        docker(), "build", "--tag", worker,
        "--build-arg", f"WORKER=jobyard-worker:{VERSION}", str(ROOT / "tests/e2e/image"),
    ])  # fmt: skip
    return [*(f"jobyard-{service}:{VERSION}" for service in SERVICES), worker, STORE]


def docker() -> str:
    """Docker's own client: a wrapper on the PATH may know no BuildKit."""
    own = "/usr/bin/docker"
    return own if os.access(own, os.X_OK) else shutil.which("docker") or "docker"


def run(command: Sequence[str]) -> None:
    """Runs a command; what it said is shown when it fails.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=False, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        sys.stderr.write(done.stdout)
        done.check_returncode()
