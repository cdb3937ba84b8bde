"""``python -m e2e``: finds a cluster, puts the images there, runs the tests on it.

A cluster is what ``KUBECONFIG`` names, with ``JOBYARD_TEST_LOAD`` as the command that puts images
there (as in ``kind load docker-image``); or the one beside this repository, which is started.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

from e2e import images
from e2e.kube import KUBECONFIG
from e2e.places import ROOT, SHARED


def main() -> int:
    """What pytest says; 0, and a plain word, where there is no cluster."""
    cluster = _given() or _beside()
    if cluster is None:
        sys.stdout.write("e2e: skipped: no KUBECONFIG is set, and no cluster can be started here\n")
        return 0
    images.put(cluster.pop("load"), shared=cluster.pop("shared") == "yes")
    command = [sys.executable, "-m", "pytest", "tests/e2e", *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **cluster}, check=False).returncode


def _given() -> dict[str, str] | None:
    if "KUBECONFIG" not in os.environ:
        return None
    load = os.environ.get("JOBYARD_TEST_LOAD", "kind load docker-image")
    return {KUBECONFIG: os.environ["KUBECONFIG"], "load": load, "shared": "no"}


def _beside() -> dict[str, str] | None:
    """Starts the cluster beside this repository, where there is one and it can be started."""
    if not (SHARED / "up").exists() or os.getuid() != 0:
        return None
    done = subprocess.run([str(SHARED / "up")], stdout=subprocess.PIPE, text=True, check=True)
    kubeconfig = done.stdout.strip().partition("KUBECONFIG=")[2]
    return {KUBECONFIG: kubeconfig, "load": shlex.quote(str(SHARED / "load")), "shared": "yes"}


if __name__ == "__main__":
    sys.exit(main())
