"""Runs benches one after the other; a whole run is kept in docs/performance.md.

.venv/bin/python bench/gather.py                       # all, and updates the document
.venv/bin/python bench/gather.py worker --scale 0.1    # one, with its options; changes nothing
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

BENCH = Path(__file__).resolve().parent
DOCUMENT = BENCH.parent / "docs" / "performance.md"
BENCHES = (
    "worker", "api", "read", "latency", "sleepers", "hoarding", "store", "large", "memory",
    "first_job", "scrape", "overhead", "logs",
)  # fmt: skip
BEGIN, END = "<!-- make bench writes from here -->", "<!-- to here -->"


def main() -> int:
    if len(sys.argv) > 1:
        run(sys.argv[1], sys.argv[2:])
        return 0
    printed = {name: run(name, []) for name in BENCHES}
    DOCUMENT.write_text(updated(DOCUMENT.read_text(), chapter(printed)))
    print(f"\n{DOCUMENT} has the figures")
    return 0


def run(name: str, options: list[str], bench: Path = BENCH, python: str = sys.executable) -> str:
    """Runs one bench, shows what it prints as it comes, and returns it.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    print(f"== {name}", flush=True)
    command = [python, str(bench / f"{name}.py"), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=bench.parent) as process:
        assert process.stdout is not None
        lines = [_shown(line) for line in process.stdout]
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return "".join(lines)


def _shown(line: str) -> str:
    print(line, end="", flush=True)
    return line


def chapter(printed: dict[str, str]) -> str:
    """What all benches printed, with when and where."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    where = f"{os.cpu_count()} cores, {platform.system()} {platform.release()}"
    parts = [f"{now}, commit {_commit()}, {where}, Python {platform.python_version()}."]
    for name, text in printed.items():
        parts.append(f"### `bench/{name}.py`\n\n```text\n{text.strip()}\n```")
    return "\n\n".join(parts)


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=BENCH, check=True
    ).stdout.strip()


def updated(document: str, text: str) -> str:
    """The document with ``text`` between its marks.

    Raises:
        ValueError: It has no marks.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT} has no {BEGIN} … {END}")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


if __name__ == "__main__":
    sys.exit(main())
