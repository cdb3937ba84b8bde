"""The layout that the design fixes: packages, commands, and where Redis may be spoken."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(
    path for pattern in ("*/src/*", "services/*/src/*") for path in ROOT.glob(pattern)
)
SOURCES = [path for package in PACKAGES for path in sorted(package.rglob("*.py"))]
COMMANDS = {
    "cli": "jobyard",
    "services/api": "jobyard-api",
    "services/worker": "jobyard-worker",
    "services/scheduler": "jobyard-scheduler",
}
SPEAK_REDIS = (
    "jobyard/connection.py",
    "jobyard/store/",
    "jobyard_worker/worker.py",
    "jobyard_worker/perform.py",
    "jobyard_worker/rqjobs/",
)


def test_no_package_carries_the_name_of_a_folder() -> None:
    names = {package.name for package in PACKAGES}

    assert names == {
        "jobyard",
        "jobyard_api",
        "jobyard_cli",
        "jobyard_scheduler",
        "jobyard_worker",
    }
    assert not names & {folder.name for folder in ROOT.iterdir()}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_package_is_typed(package: Path) -> None:
    assert (package / "py.typed").exists()


@pytest.mark.parametrize(("member", "command"), COMMANDS.items())
def test_every_service_has_its_command(member: str, command: str) -> None:
    project = tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]

    assert command in project["scripts"]


def test_redis_and_rq_are_spoken_in_few_places() -> None:
    speakers = {place_of(source) for source in SOURCES if imports_of(source) & {"redis", "rq"}}

    assert not {place for place in speakers if not place.startswith(SPEAK_REDIS)}


def place_of(source: Path) -> str:
    package = next(package for package in PACKAGES if package in source.parents)
    return source.relative_to(package.parent).as_posix()


def imports_of(source: Path) -> set[str]:
    """Top-level packages that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found
