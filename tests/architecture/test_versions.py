"""One version, written in one place; what else names it agrees."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version as installed_version
from pathlib import Path

import pytest

import version

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "uv.lock").read_text()
PACKAGES = ["jobyard", "jobyard-api", "jobyard-worker", "jobyard-scheduler", "jobyard-cli"]


def test_every_place_has_the_version_of_the_workspace() -> None:
    written = version.places(version.current())

    stale = [path.name for path, text in written.items() if path.read_text() != text]
    assert stale == [], "run: make version"


def test_a_new_version_reaches_every_place() -> None:
    written = version.places("7.8.9.dev1")

    members = [path for path in written if path.name == "pyproject.toml"]
    assert len(members) == len(PACKAGES)
    for path in members:
        assert tomllib.loads(written[path])["project"]["version"] == "7.8.9.dev1"
    chart = written[ROOT / "helm/jobyard/Chart.yaml"]
    assert "\nversion: 7.8.9-dev.1\nappVersion: 7.8.9.dev1\n" in chart
    assert any("jobyard-worker:7.8.9.dev1" in text for text in written.values())


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_installed_and_locked_has_the_version(package: str) -> None:
    locked = re.search(f'^name = "{package}"\nversion = "(.+)"$', LOCK, re.MULTILINE)

    assert installed_version(package) == version.current()
    assert locked is not None
    assert locked[1] == version.current()


def test_a_release_has_its_section_in_the_changelog() -> None:
    sections = re.findall(r"^## \[(\S+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert sections[0] == "Unreleased"
    assert "dev" in version.current() or version.current() in sections
