"""The schedules' file: what it may say, and how its mistakes are named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from jobyard.errors import ConfigurationError
from jobyard.store.records.catalogue import TaskRecord
from jobyard_scheduler.schedule import Missed, Schedule, submission_of
from jobyard_scheduler.schedule_file import load_schedules
from jobyard_scheduler.timing import Cron, Every

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TASK = TaskRecord(
    name="add",
    schema={},
    queue="sums",
    timeout_seconds=7,
    result_ttl_seconds=8,
    failure_ttl_seconds=9,
    retry={"max_retries": 2},
    isolated=False,
    description="",
    version="1",
)


def load(directory: Path, text: str) -> list[Schedule]:
    path = directory / "schedules.toml"
    path.write_text(text)
    return load_schedules(path, NOW)


def entry(**fields: str) -> str:
    """A good entry; ``fields`` are TOML, and an empty one is left out."""
    values = {"name": '"a"', "task": '"add"', "every": '"30s"', **fields}
    lines = [f"{name} = {value}" for name, value in values.items() if value]
    return "\n".join(["[[schedule]]", *lines, ""])


def test_entries_are_read_in_order(tmp_path: Path) -> None:
    text = entry(payload="{a = 1}", queue='"low"', missed='"latest"') + entry(
        name='"b"', every="", cron='"*/5 * * * *"', timezone='"Europe/Berlin"'
    )

    interval, cron = load(tmp_path, text)

    assert interval == Schedule(
        name="a",
        task="add",
        timing=Every(30),
        payload={"a": 1},
        queue="low",
        missed=Missed.LATEST,
    )
    assert cron == Schedule(
        name="b", task="add", timing=Cron("*/5 * * * *", ZoneInfo("Europe/Berlin"))
    )


def test_a_file_without_entries_is_no_mistake(tmp_path: Path) -> None:
    assert load(tmp_path, "# later\n") == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"nmae": '"x"'}, "nmae"),
        ({"name": '"a.b"'}, "name"),
        ({"name": ""}, "name"),
        ({"task": ""}, "task"),
        ({"task": '"a b"'}, "task"),
        ({"queue": '"a b"'}, "queue"),
        ({"queue": "3"}, "queue"),
        ({"payload": "[1]"}, "payload"),
        ({"payload": "{at = 2026-01-01}"}, "payload"),
        ({"payload": "{x = nan}"}, "payload"),
        ({"every": '"soon"'}, "every"),
        ({"every": "true"}, "every"),
        ({"every": "0"}, "every"),
        ({"every": '""'}, "every"),
        ({"every": ""}, "every"),
        ({"cron": '"* * * * *"'}, "every"),
        ({"timezone": '"UTC"'}, "timezone"),
        ({"every": "", "cron": '"61 * * * *"'}, "cron"),
        ({"every": "", "cron": '"0 0 30 2 *"'}, "cron"),
        ({"every": "", "cron": '"* * * * *"', "timezone": '"Mars/Olympus"'}, "timezone"),
        ({"missed": '"some"'}, "missed"),
    ],
)
def test_a_mistake_is_one_line_with_entry_and_field(
    tmp_path: Path, fields: dict[str, str], field: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load(tmp_path, entry(name='"good"') + entry(**fields))

    message = str(refusal.value)
    assert "schedule 2" in message
    assert f"'{field}'" in message
    assert "\n" not in message


def test_two_schedules_cannot_share_a_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"named 'a'.*'name'"):
        load(tmp_path, entry() + entry())


@pytest.mark.parametrize("text", ["[[schedules]]\n", "schedule = 3\n", "[schedule\n", "x = 1\n"])
def test_a_file_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"schedules\.toml"):
        load(tmp_path, text)


def test_a_missing_file_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="JOBYARD_SCHEDULES_FILE"):
        load_schedules(tmp_path / "none.toml", NOW)


def test_the_job_of_a_tick_takes_what_it_does_not_say_from_its_task() -> None:
    schedule = Schedule(name="a", task="add", timing=Every(30), payload={"a": 1})

    job = submission_of(schedule, datetime(2026, 1, 1, tzinfo=UTC), TASK)

    assert (job.id, job.queue, job.payload) == ("cron-a-1767225600", "sums", b'{"a": 1}')
    assert (job.timeout_seconds, job.result_ttl_seconds, job.failure_ttl_seconds) == (7, 8, 9)
    assert job.retry == b'{"max_retries": 2}'
