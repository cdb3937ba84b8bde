"""Two versions of our services side by side: the checked-out one, and one out of git's history."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.processes import TESTS, clean_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.processes import Service, Services

ROOT = TESTS.parent
SOURCES = ("shared/src", "services/api/src", "services/worker/src", "services/scheduler/src")
PACKAGES = ("jobyard", "jobyard_api", "jobyard_worker", "jobyard_scheduler")
VARIABLE = "JOBYARD_TEST_OLD_VERSION"
"""Names another commit or tag than the previous one."""


@dataclass(frozen=True, slots=True)
class Version:
    """The code of our services; ``directory`` is where it was checked out."""

    name: str
    directory: Path

    @property
    def python_path(self) -> str:
        """``PYTHONPATH`` that finds this code before what is installed, and the tests' tasks."""
        return os.pathsep.join([*(str(self.directory / each) for each in SOURCES), str(TESTS)])

    def start(self, services: Services, command: str, **env: object) -> Service:
        """Starts ``jobyard-worker`` and so on from this code."""
        return services.start(command, **{"PYTHONPATH": self.python_path, **env})

    def loaded(self) -> set[str]:
        """The directories of this version from which its processes import our packages."""
        imports = "".join(f"import {name}; print({name}.__file__);" for name in PACKAGES)
        env = {**clean_environment(), "PYTHONPATH": self.python_path}
        found = subprocess.run(
            [sys.executable, "-P", "-c", imports], env=env, check=True, capture_output=True
        )
        files = map(Path, found.stdout.decode().split())
        return {file.parents[1].relative_to(self.directory).as_posix() for file in files}


def present_version() -> Version:
    """The code that the tests belong to."""
    return Version("new", ROOT)


def newer_version(directory: Path) -> Version:
    """A copy of the present code that also knows the next schema of records."""
    return _of_schema(3, "newer", directory)


def older_version(directory: Path) -> Version:
    """A copy of the present code that knows the first schema of records only."""
    return _of_schema(1, "older", directory)


def _of_schema(schema: int, name: str, directory: Path) -> Version:
    for source in SOURCES:
        shutil.copytree(ROOT / source, directory / source)
    claim = directory / "shared/src/jobyard/store/lua/claim.lua"
    text = claim.read_text()
    assert "local SCHEMA = 2 " in text
    claim.write_text(text.replace("local SCHEMA = 2 ", f"local SCHEMA = {schema} "))
    return Version(name, directory)


def previous_version(directory: Path) -> Version:
    """Checks out, into ``directory``, the last code that differs from the present one.

    Skips the test where there is no history to take it from, and says why.
    """
    check_out_previous(directory, *SOURCES)
    return Version("old", directory)


def check_out_previous(directory: Path, *paths: str) -> None:
    """Checks out ``paths`` as they were before their last change; skips as above."""
    if shutil.which("git") is None:
        pytest.skip("no older version to run beside this one: git is not installed")
    if not (ROOT / ".git").exists():
        pytest.skip(f"no older version to run beside this one: {ROOT} is no clone of a repository")
    commit = os.environ.get(VARIABLE) or _last_other_commit(paths)
    archive = _git("archive", "--format=tar", commit, *paths)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(directory, filter="data")


def _last_other_commit(paths: Sequence[str]) -> str:
    """``HEAD`` where the working tree differs from it, else the parent of the last change."""
    if _git("status", "--porcelain", "--", *paths):
        return "HEAD"
    last = _git("rev-list", "-1", "HEAD", "--", *paths).decode().strip()
    parents = _git("rev-list", "--parents", "-1", last).decode().split()[1:]
    if not parents:
        pytest.skip(
            f"no older version to run beside this one: the history ends at {last[:12]} "
            "(a shallow clone; `git fetch --unshallow` brings the rest)"
        )
    return parents[0]


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], check=False, capture_output=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        pytest.skip(f"no older version to run beside this one: git {arguments[0]}: {said}")
    return done.stdout
