"""The pages that are generated from the code say what the code says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from reference import PAGES
from reference.page import DOCS
from support.processes import SCRIPTS

if TYPE_CHECKING:
    from reference.page import Page

SETTINGS = (DOCS / "settings.md").read_text()
COMMANDS = (DOCS / "commands.md").read_text()
SOURCES = "".join(
    path.read_text()
    for folder in ("shared/src", "services", "cli/src")
    for path in (DOCS.parent / folder).rglob("*.py")
)
OF_WHOEVER_STARTS_IT = {"JOBYARD_CHAOS_SHADOW"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_committed_as_generated(page: Page) -> None:
    assert page.path.read_text() == page.renewed(), "run: make reference"


def test_every_variable_that_the_code_reads_is_in_the_table() -> None:
    read = set(re.findall(r'"(JOBYARD_[A-Z_]+)"', SOURCES)) - OF_WHOEVER_STARTS_IT

    assert {name for name in read if f"`{name}`" not in SETTINGS} == set()


def test_every_setting_says_what_it_means() -> None:
    rows = [line for line in SETTINGS.splitlines() if line.startswith("| `")]

    assert [row for row in rows if row.endswith("|  |")] == []


def test_every_command_has_a_section() -> None:
    installed = {path.name for path in SCRIPTS.glob("jobyard*") if path.name != "jobyard"}

    described = set(re.findall(r"^## `([a-z-]+)", COMMANDS, re.MULTILINE))
    assert described - {"jobyard"} == installed


@pytest.mark.parametrize("folder", ["decisions", "errors"])
def test_an_index_leads_to_every_page_of_its_folder(folder: str) -> None:
    index = (DOCS / folder / "README.md").read_text()
    pages = {page.name for page in (DOCS / folder).glob("*.md")} - {"README.md"}

    assert set(re.findall(r"\]\((\S+\.md)\)", index)) & pages == pages
