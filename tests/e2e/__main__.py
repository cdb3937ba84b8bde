"""``python -m e2e``: finds a cluster, puts the images there, runs the tests on it.

A cluster is what ``KUBECONFIG`` names, with ``JOBYARD_TEST_LOAD`` as the command that puts images
there (as in ``kind load docker-image``); or the one beside this repository, which is started. The
drills take long: ``python -m e2e -m slow`` runs them.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

from e2e import beside, images
from e2e.kube import KUBECONFIG
from e2e.places import ROOT

SIDE_BY_SIDE = ("-n", "2", "--dist", "loadfile")
"""Tests wait for the cluster most of the time. Drills take KEDA away from all: one at a time."""


def main() -> int:
    """What pytest says; 0, and a plain word, where there is no cluster."""
    if "KUBECONFIG" in os.environ:
        load = os.environ.get("JOBYARD_TEST_LOAD", "kind load docker-image")
        images.run([*shlex.split(load), *images.build()])
        return _run_tests(os.environ["KUBECONFIG"])
    try:
        with beside.cluster() as found:
            beside.take(images.build("--network=host"))
            beside.make_volumes_writable(found)
            return _run_tests(found)
    except beside.NoClusterError as reason:
        sys.stdout.write(f"e2e: skipped, nothing was tested: {reason}\n")
        return 0


def _run_tests(kubeconfig: str) -> int:
    chosen = sys.argv[1:] or SIDE_BY_SIDE
    command = [sys.executable, "-m", "pytest", "tests/e2e", "-m", "not slow", *chosen]
    environment = {**os.environ, KUBECONFIG: kubeconfig}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
