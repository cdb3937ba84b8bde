"""Imports follow the arrows of the design, and an import that does not is caught."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [
    "shared/src/jobyard",
    "services/api/src/jobyard_api",
    "services/worker/src/jobyard_worker",
    "services/scheduler/src/jobyard_scheduler",
    "cli/src/jobyard_cli",
]
FORBIDDEN = [
    ("jobyard_api/forbidden.py", "import jobyard_worker", "Services never import each other"),
    ("jobyard_scheduler/forbidden.py", "import jobyard_cli", "Services never import each other"),
    ("jobyard/forbidden.py", "import jobyard_scheduler", "The shared package imports no service"),
    ("jobyard/errors.py", "import jobyard.store", "The arrows of the shared package point down"),
    ("jobyard/task.py", "import jobyard.settings", "The arrows of the shared package point down"),
    ("jobyard/tasks/echo.py", "import jobyard.store", "Tasks import only what a task author needs"),
    ("jobyard/tasks/echo.py", "import redis", "Tasks import only what a task author needs"),
    ("jobyard/settings.py", "import redis", "Only the connection and the store talk to Redis"),
    ("jobyard_api/forbidden.py", "import redis", "touch neither Redis nor RQ"),
    ("jobyard_scheduler/forbidden.py", "import rq", "touch neither Redis nor RQ"),
    ("jobyard_cli/forbidden.py", "import redis", "touch neither Redis nor RQ"),
]


def lint_imports(directory: Path) -> subprocess.CompletedProcess[str]:
    """Import-linter with our contracts on the packages in ``directory``."""
    return subprocess.run(
        [
            Path(sys.executable).with_name("lint-imports"),
            "--no-cache",
            "--config",
            ROOT / "pyproject.toml",
        ],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Copies of all packages, which are found before the installed ones."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package,
            tmp_path / Path(package).name,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    return tmp_path


def test_every_import_follows_the_arrows(copied: Path) -> None:
    ended = lint_imports(copied)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "0 broken" in ended.stdout


@pytest.mark.parametrize(("module", "statement", "contract"), FORBIDDEN)
def test_a_forbidden_import_breaks_its_contract(
    copied: Path, module: str, statement: str, contract: str
) -> None:
    with (copied / module).open("a") as source:
        source.write(f"\n{statement}\n")

    ended = lint_imports(copied)

    assert ended.returncode == 1, ended.stdout + ended.stderr
    broken = [line for line in ended.stdout.splitlines() if line.endswith("BROKEN")]
    assert any(contract in line for line in broken), ended.stdout
