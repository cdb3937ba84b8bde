"""Where Prometheus finds the yard's processes: a file that it reads again when it changes."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from jobyard_cli.yard.service import Program

FILE_NAME = "prometheus-targets.json"


def write_targets(directory: Path, programs: Iterable[Program]) -> None:
    """Writes the list for ``file_sd_configs``; a reader finds the old one or the new one."""
    found = [_target(program) for program in programs if program.metrics_port is not None]
    unfinished = directory / f"{FILE_NAME}.new"
    unfinished.write_text(json.dumps(found, indent=2) + "\n")
    unfinished.replace(directory / FILE_NAME)


def _target(program: Program) -> dict[str, object]:
    host = _host(program.environment.get("JOBYARD_METRICS_HOST", ""))
    labels = {"job": PurePath(program.command[0]).name, "instance": program.name}
    return {"targets": [f"{host}:{program.metrics_port}"], "labels": labels}


def _host(host: str) -> str:
    """Where this machine reaches a process that listens there."""
    known = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - not ours
    return known.get(host, f"[{host}]" if ":" in host else host)
