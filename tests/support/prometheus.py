"""A real Prometheus and its promtool, where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_MISSING = "{} is not installed (apt-get install prometheus)"


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs promtool; skips the test where there is none."""
    return subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, check=False
    )


def program(name: str) -> str:
    """The path of ``prometheus`` or ``promtool``; without it the test skips, and fails on CI."""
    found = shutil.which(name)
    if found:
        return found
    reason = _MISSING.format(name)
    if os.environ.get("CI") == "true" and not os.environ.get("JOBYARD_ALLOW_NO_PROMETHEUS"):
        pytest.fail(f"{reason}; JOBYARD_ALLOW_NO_PROMETHEUS=1 skips these tests", pytrace=False)
    pytest.skip(reason)
