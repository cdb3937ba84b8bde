"""README, tutorial and the API by example: each block does what stands below it."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.guide import Block, Shell, blocks_of, check_shown
from support.processes import Service, Services, clean_environment
from support.rest import Rest
from support.servers import free_port
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "http://127.0.0.1:8000"
STARTS_A_YARD = re.compile(r"^([A-Z_]+=\S+ )*make up\n$")
PICTURES = {"mermaid"}
SMALL = {"JOBYARD_WORKERS": "1", "JOBYARD_REDIS_TIMEOUT_SECONDS": "20"}
"""For a busy machine: no page shows an answer of a store that could not answer in time."""


class Reader:
    """Somebody with two terminals in a clone: one for the yard, one for all else."""

    def __init__(self, clone: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        env = {**SMALL, "JOBYARD_API_PORT": str(self.port), "JOBYARD_API_URL": self.url}
        self.clone = clone
        self.services = Services(clone, env)
        self.shell = Shell(clone, {**clean_environment(), **env})
        self.yard: Service | None = None
        self.answer = ""

    def follow(self, block: Block) -> None:
        """Does what a block asks for, or compares what it shows."""
        if block.title:
            (self.clone / block.title).write_text(block.text)
        elif STARTS_A_YARD.match(block.text):
            self._start_a_yard(block.text)
        elif block.language == "sh":
            self.answer = self.shell.run(block.text.replace(ADDRESS, self.url))
        elif block.language not in PICTURES:
            check_shown(block, self.answer)

    def _start_a_yard(self, command: str) -> None:
        self.press_ctrl_c()
        self.yard = yard = self.services.start("/bin/bash", "-c", command)
        wait_for(lambda: "try it:" in yard.log() or not yard.is_running, 60, yard.log)
        self.answer = yard.log()

    def press_ctrl_c(self) -> None:
        """Stops the yard, if there is one, as a terminal does: the signal goes to all of it."""
        if self.yard:
            os.killpg(self.yard.pid, signal.SIGINT)
            self.yard.wait()
            assert not self.yard.children()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    clone = tmp_path / "jobyard"
    clone.mkdir()
    for entry in ROOT.iterdir():
        if not entry.name.startswith("."):  # caches, data, settings of whoever runs the tests
            (clone / entry.name).symlink_to(entry)
    (clone / ".venv").symlink_to(sys.prefix)
    reader = Reader(clone)
    with reader.shell:
        yield reader
    reader.services.end()


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md"])
def test_each_block_does_what_it_says(page: str, reader: Reader) -> None:
    for block in blocks_of(ROOT / page):
        reader.follow(block)

    reader.press_ctrl_c()


def test_the_task_that_the_readme_shows_is_the_example() -> None:
    [shown] = [block.text for block in blocks_of(ROOT / "README.md") if block.language == "python"]

    assert (ROOT / "examples/greetings.py").read_text().endswith(f"\n\n{shown}")


def test_each_line_of_the_api_by_example_does_what_it_says(services: Services) -> None:
    services.start("jobyard-scheduler")
    services.start("jobyard-worker")

    with Rest(services) as api, Shell(services.directory, clean_environment()) as shell:
        api.wait_for_task("sleep")
        answer = ""
        for block in blocks_of(ROOT / "docs/api.md"):
            if block.language == "sh":
                answer = shell.run(block.text.replace(ADDRESS, f"http://127.0.0.1:{api.port}"))
            else:
                check_shown(block, answer)
