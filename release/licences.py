"""Writes docs/licences.md from uv.lock and from what the installed packages say: ``make licences``.

Fails where a run-time dependency has a licence that may not go with Apache-2.0; a test compares.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
MARKER = "<!-- What follows is generated from uv.lock by `make licences`. -->"

COMPATIBLE = frozenset(
    {
        "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0",
        "Unlicense",
        # Its terms hold for its own files, which nobody changes.
        "MPL-2.0",
    }
)  # fmt: skip
"""Licences (SPDX) that what we ship may have."""

SPDX = {
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD": "BSD-3-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""Names from before PEP 639 → SPDX."""

ELSEWHERE = {
    "async-timeout": "Apache-2.0",
    "colorama": "BSD-3-Clause",
    "importlib-resources": "Apache-2.0",
    "pywin32": "PSF-2.0",
    # Apart from .venv, by `make docs`.
    "babel": "BSD-3-Clause",
    "backrefs": "MIT",
    "ghp-import": "Apache-2.0",
    "markdown": "BSD-3-Clause",
    "mergedeep": "MIT",
    "mermaidx": "MIT",
    "mkdocs": "BSD-2-Clause",
    "mkdocs-get-deps": "MIT",
    "mkdocs-material": "MIT",
    "mkdocs-material-extensions": "MIT",
    "paginate": "MIT",
    "pymdown-extensions": "MIT",
    "pyyaml-env-tag": "MIT",
    "watchdog": "Apache-2.0",
}
"""Licences of what is installed on Windows, with an older Python, or by `make docs` only."""

Licences: TypeAlias = dict[str, str]
"""Name of a dependency → SPDX expression."""


def main() -> None:
    """Writes the page; fails if something that we ship may not be shipped."""
    at_run_time, for_development = licences()
    PAGE.write_text(page(PAGE.read_text(), at_run_time, for_development))
    if refused := incompatible(at_run_time):
        sys.exit(f"No licence to go with Apache-2.0: {refused}. Do without, or see COMPATIBLE.")


def licences() -> tuple[Licences, Licences]:
    """Those of what our packages need at run time, and of what only development needs."""
    at_run_time = locked("--no-dev")
    for_development = locked("--all-groups") - at_run_time
    return (
        {name: licence_of(name) for name in sorted(at_run_time)},
        {name: licence_of(name) for name in sorted(for_development)},
    )


def locked(*options: str) -> set[str]:
    """Names of the dependencies in uv.lock, for every platform and Python."""
    command: list[str | Path] = [
        Path(sys.executable).with_name("uv"), "export", "--frozen", "--offline", "--quiet",
        *options, "--all-packages", "--all-extras", "--no-emit-workspace", "--no-emit-project",
        "--no-hashes", "--no-header", "--no-annotate",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {re.split("[=; ]", line)[0] for line in done.stdout.splitlines()}


def licence_of(name: str) -> str:
    """The licence of a package, as it says itself.

    Raises:
        LookupError: It says nothing that is known here.
    """
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return ELSEWHERE[name]
    if expression := said["License-Expression"]:
        return str(expression)
    rows = [row for row in said.get_all("Classifier", []) if row.startswith("License :: ")]
    known = _spdx([said["License"] or ""]) or _spdx(row.rpartition(" :: ")[2] for row in rows)
    if not known:
        raise LookupError(f"{name} says {said['License']!r} and {rows}. Read it, add it to SPDX.")
    return " OR ".join(known)


def _spdx(names: Iterable[str]) -> list[str]:
    found = {SPDX.get(name, name) for name in names}
    return sorted(found & (COMPATIBLE | set(SPDX.values())))


def incompatible(found: Licences) -> Licences:
    """Those that may not be shipped: of alternatives one must be compatible, of parts each."""
    return {name: licence for name, licence in found.items() if not _is_compatible(licence)}


def _is_compatible(expression: str) -> bool:
    alternatives = [alternative.split(" AND ") for alternative in expression.split(" OR ")]
    return any(COMPATIBLE.issuperset(parts) for parts in alternatives)


def page(text: str, at_run_time: Licences, for_development: Licences) -> str:
    """The page with its tables made anew."""
    tables = (
        f"## At run time\n\n{_table(at_run_time)}\n## For development only\n\n"
        f"{_table(for_development)}"
    )
    return f"{text.partition(MARKER)[0]}{MARKER}\n\n{tables}"


def _table(found: Licences) -> str:
    rows = [f"| {name} | {licence} |\n" for name, licence in found.items()]
    return "| package | licence |\n|---|---|\n" + "".join(rows)


if __name__ == "__main__":
    main()
