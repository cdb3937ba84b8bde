"""The page of the log names every event of our code, with its levels, services and fields."""

from __future__ import annotations

import re

import pytest

from support.logged import ROOT, logged

PAGE = (ROOT / "docs/logs.md").read_text()
ROWS = {
    cells[1].strip("` "): [cell.strip() for cell in cells[2:-1]]
    for line in PAGE.partition("## Events")[2].splitlines()
    if line.startswith("| `") and (cells := re.split(r"(?<!\\)\|", line))
}
EVENTS = logged()


def test_the_page_has_each_event_once_in_order() -> None:
    missing = "\n".join(_row_of(name) for name in sorted(EVENTS.keys() - ROWS.keys()))

    assert not missing, f"add to docs/logs.md, with what it says:\n{missing}"
    assert list(ROWS) == sorted(EVENTS)


def test_events_are_a_thing_and_what_happened_to_it() -> None:
    assert [name for name in EVENTS if not re.fullmatch(r"[a-z_]+\.[a-z_]+", name)] == []


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_a_row_says_what_the_code_does(name: str) -> None:
    levels, services, meaning, fields = ROWS[name]
    event = EVENTS[name]

    assert set(levels.split(", ")) == event.levels
    assert set(services.split(", ")) == event.services
    assert meaning
    shown = set(re.findall(r"`(\w+)`", fields))
    assert event.fields <= shown
    assert event.has_others or shown == event.fields


def _row_of(name: str) -> str:
    event = EVENTS[name]
    fields = " ".join(f"`{each}`" for each in sorted(event.fields))
    levels, services = ", ".join(sorted(event.levels)), ", ".join(sorted(event.services))
    return f"| `{name}` | {levels} | {services} | … | {fields} |"
