"""The wheels hold what their packages need, and say what they need from others."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from email import message_from_bytes
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zipfile import ZipFile

import pytest

if TYPE_CHECKING:
    from email.message import Message

ROOT = Path(__file__).resolve().parents[2]
MEMBERS = ["shared", "services/api", "services/worker", "services/scheduler", "cli"]
OWN = re.compile(r"jobyard(-\w+)?\b")
HERE = packages_distributions()
"""Import package → distributions that have it, in this environment."""
OF_PYDANTIC = {"pydantic-core"}
"""Comes with pydantic, which pins it."""


class Wheel(NamedTuple):
    member: str
    archive: ZipFile

    @property
    def package(self) -> Path:
        """The package's folder in the repository."""
        [package] = (ROOT / self.member / "src").iterdir()
        return package

    @property
    def information(self) -> str:
        [folder] = {name.split("/")[0] for name in self.archive.namelist() if ".dist-info/" in name}
        return folder

    @property
    def metadata(self) -> Message:
        return message_from_bytes(self.archive.read(f"{self.information}/METADATA"))


@pytest.fixture(scope="module", params=MEMBERS)
def wheel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT / request.param,
        capture_output=True,
        check=True,
    )
    [built] = folder.iterdir()
    return Wheel(request.param, ZipFile(built))


def project(member: str) -> dict[str, Any]:
    """The table ``project`` of a member's pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]
    return table


def test_a_wheel_holds_every_file_of_its_package(wheel: Wheel) -> None:
    here = wheel.package
    there = {
        f"{here.name}/{path.relative_to(here).as_posix()}"
        for path in here.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert there == {name for name in wheel.archive.namelist() if wheel.information not in name}
    assert f"{here.name}/py.typed" in there


def test_a_wheel_brings_the_licence(wheel: Wheel) -> None:
    licence = wheel.archive.read(f"{wheel.information}/licenses/LICENSE")

    assert licence == (ROOT / "LICENSE").read_bytes()
    assert wheel.metadata["License-Expression"] == "Apache-2.0"


def test_a_wheel_describes_itself(wheel: Wheel) -> None:
    metadata = wheel.metadata

    assert metadata.get_payload() == (ROOT / wheel.member / "README.md").read_text()
    assert metadata["Requires-Python"] == project(wheel.member)["requires-python"]
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])


def test_our_packages_need_each_other_in_their_own_version(wheel: Wheel) -> None:
    needs = [OWN.match(need) and need for need in wheel.metadata.get_all("Requires-Dist", [])]
    ours = [need.partition(";")[0] for need in needs if need]

    version = wheel.metadata["Version"]
    assert [need for need in ours if not need.endswith(f"=={version}")] == []
    assert bool(ours) == (wheel.member != "shared")


@pytest.mark.parametrize("member", MEMBERS)
def test_what_a_package_imports_is_declared(member: str) -> None:
    needed = declared(member) | declared("shared") | OF_PYDANTIC

    assert {name for name in imported(member) if name not in needed} == set()


def declared(member: str) -> set[str]:
    """Names of the distributions that a member says it needs, itself included."""
    table = project(member)
    extras = [need for extra in table.get("optional-dependencies", {}).values() for need in extra]
    needs = [table["name"], *table["dependencies"], *extras]
    names = {re.split(r"[\[<>=!~; ]", need)[0] for need in needs}
    # What an extra brings is named with the package that has it.
    return names | {extra for need in needs for extra in re.findall(r"\[(\w+)\]", need)}


def imported(member: str) -> set[str]:
    """Names of the distributions whose packages a member imports."""
    names = {
        name
        for source in (ROOT / member / "src").rglob("*.py")
        for name in imports_of(source)
        if name not in sys.stdlib_module_names and not name.startswith("jobyard")
    }
    return {distribution_of(name, HERE[name]) for name in names}


def imports_of(source: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def distribution_of(package: str, candidates: list[str]) -> str:
    """A namespace belongs to several; the SDK stands for those of OpenTelemetry."""
    [name] = {each for each in candidates if package != "opentelemetry"} or {"opentelemetry-sdk"}
    return name.replace("_", "-").lower()
