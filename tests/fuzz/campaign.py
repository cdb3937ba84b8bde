"""One campaign: a yard of real processes, and schemathesis against its API."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.processes import SCRIPTS, clean_environment
from support.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.processes import Services

FOLDER = Path(__file__).parent
KEY = f"bootstrap-{'k' * 40}"

BRIEF_STREAMS = {
    "JOBYARD_EVENTS_LIFETIME_SECONDS": "0.3",
    "JOBYARD_EVENTS_HEARTBEAT_SECONDS": "0.1",
}


class Doors(StrEnum):
    """How the API is entered."""

    OPEN = "open"
    WITH_KEY = "with key"
    WITHOUT_KEY = "without key"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What schemathesis found."""

    cases: int
    operations: int
    failures: list[dict[str, Any]]
    text: str


def run(services: Services, doors: Doors, options: Sequence[str]) -> Outcome:
    """Fuzzes all of the API; ``options`` are schemathesis's own."""
    report = services.directory / "fuzz.json"
    settings = dict(BRIEF_STREAMS)
    if doors is not Doors.OPEN:
        settings["JOBYARD_BOOTSTRAP_KEY"] = KEY
    services.start("jobyard-worker")
    services.start("jobyard-scheduler")
    with Rest(services, **settings) as api:
        document = services.directory / "openapi.json"
        headers = {"Authorization": f"Bearer {KEY}"}
        document.write_bytes(api.http.get("/openapi.json", headers=headers).content)
        ended = subprocess.run(
            [
                str(SCRIPTS / "schemathesis"),
                "--config-file",
                str(FOLDER / "schemathesis.toml"),
                "run",
                str(document),
                *("--url", f"http://127.0.0.1:{api.port}"),
                *("--checks", "all", "--no-color", "--generation-database", "none"),
                *("--output-sanitize", "false"),  # the key is none of anybody's
                *("--report", "json", "--report-json-path", str(report)),
                *_of(doors),
                *options,
            ],
            cwd=services.directory,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert api.service.is_running, api.service.log()
    assert report.exists(), ended.stdout + ended.stderr
    found = json.loads(report.read_text())
    assert found["complete"], ended.stdout
    return Outcome(
        found["test_cases"]["generated"],
        found["operations"]["tested"],
        found["failures"],
        ended.stdout,
    )


def _of(doors: Doors) -> list[str]:
    match doors:
        case Doors.OPEN:  # which the first key would close, and where none is looked at
            return [
                *("--exclude-operation-id", "create_api_key"),
                *("--exclude-checks", "ignored_auth"),
                *("--generation-with-security-parameters", "false"),
            ]
        case Doors.WITH_KEY:
            return ["-H", f"Authorization: Bearer {KEY}"]
        case Doors.WITHOUT_KEY:
            return []
