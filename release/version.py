"""Writes the version of the workspace's pyproject.toml wherever else it stands.

``make version``, or ``make version VERSION=1.2.3`` to set another one; a test compares. What is
generated from these files (uv.lock, the OpenAPI document, k8s/) is made anew by the same target.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "pyproject.toml"

_VERSION = re.compile(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?")
_OWN = re.compile(r'^(version = ")([^"]+)', re.MULTILINE)
_SIBLING = re.compile(r'^( *"jobyard(?:-\w+)?(?:\[\w+\])?==)([^"]+)', re.MULTILINE)


class Place(NamedTuple):
    """Files in which the version stands, in the second group of ``pattern``."""

    files: str
    pattern: re.Pattern[str]
    spelt: Callable[[str], str] = str


def semantic(version: str) -> str:
    """The version as Semantic Versioning spells it: ``1.2.0.dev3`` is ``1.2.0-dev.3``."""
    return re.sub(r"\.?(dev|rc)(\d+)$", r"-\1.\2", version)


PLACES = (
    Place("shared/pyproject.toml", _OWN),
    Place("cli/pyproject.toml", _OWN),
    Place("services/*/pyproject.toml", _OWN),
    Place("cli/pyproject.toml", _SIBLING),
    Place("services/*/pyproject.toml", _SIBLING),
    Place("helm/jobyard/Chart.yaml", re.compile(r"^(appVersion: )(\S+)", re.MULTILINE)),
    Place("helm/jobyard/Chart.yaml", re.compile(r"^(version: )(\S+)", re.MULTILINE), semantic),
    Place("docs/**/*.md", re.compile(r"(\bjobyard-(?:api|worker|scheduler):)(\d[\w.]*\w)")),
)


def main(arguments: list[str]) -> None:
    """Sets the version if one is given, and writes it into every place."""
    if arguments:
        set_version(*arguments)
    for path, text in places(current()).items():
        path.write_text(text)
    sys.stdout.write(f"{current()}\n")


def current() -> str:
    """The version of the workspace."""
    found = _OWN.search(SOURCE.read_text())
    assert found is not None
    return found[2]


def set_version(version: str) -> None:
    """Makes ``version`` that of the workspace."""
    if not _VERSION.fullmatch(version):
        sys.exit(f"{version} is no version. Write it as 1.2.3, 1.2.3rc1 or 1.2.3.dev0.")
    SOURCE.write_text(SOURCE.read_text().replace(f'"{current()}"', f'"{version}"', 1))


def places(version: str) -> dict[Path, str]:
    """Each file that names the version → its text with ``version`` in it."""
    texts: dict[Path, str] = {}
    for place in PLACES:
        for path in sorted(ROOT.glob(place.files)):
            text = texts.get(path) or path.read_text()
            texts[path] = place.pattern.sub(rf"\g<1>{place.spelt(version)}", text)
    return texts


if __name__ == "__main__":
    main(sys.argv[1:])
