"""Wrong settings stop the scheduler with one line and exit code 2; no store is needed."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from support.processes import SCRIPTS, clean_environment

if TYPE_CHECKING:
    from pathlib import Path


def run(directory: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPTS / "jobyard-scheduler", *arguments],
        cwd=directory,
        env={**clean_environment(), **env},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JOBYARD_REDIS_URL", "http://somewhere"),
        ("JOBYARD_LEASE_SECONDS", "soon"),
        ("JOBYARD_NOTIFICATIONS", "maybe"),
        ("JOBYARD_SCHEDULES_FILE", "missing.toml"),
        ("JOBYARD_QUEUE_BUDGET_BYTES", "1GB"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(tmp_path: Path, name: str, value: str) -> None:
    ended = run(tmp_path, **{name: value})

    assert ended.returncode == 2
    assert name in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_wrong_entry_is_one_line_that_names_entry_and_field(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[[schedule]]\nname = "x"\ntask = "add"\ncron = "bad"\n')

    ended = run(tmp_path, JOBYARD_SCHEDULES_FILE="s.toml")

    assert ended.returncode == 2
    assert "'x'" in ended.stderr
    assert "'cron'" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_the_built_in_name_is_taken_unless_it_is_switched_off(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        '[[schedule]]\nname = "notification"\ntask = "notification"\nevery = 60\n'
    )

    ended = run(tmp_path, JOBYARD_SCHEDULES_FILE="s.toml")

    assert ended.returncode == 2
    assert "JOBYARD_NOTIFICATIONS=false" in ended.stderr


def test_help_and_version_are_told(tmp_path: Path) -> None:
    shown, told = run(tmp_path, "--help"), run(tmp_path, "--version")

    assert "JOBYARD_SCHEDULES_FILE" in shown.stdout
    assert told.stdout.startswith("jobyard-scheduler ")
    assert shown.returncode == told.returncode == 0
