"""What each command takes, from the parsers of the commands."""

from __future__ import annotations

import inspect
from argparse import ArgumentParser, HelpFormatter
from functools import partial
from typing import TYPE_CHECKING, Any

import typer
from typer.main import get_command

from jobyard_api.main import parser as api
from jobyard_cli.main import app
from jobyard_scheduler.main import parser as scheduler
from jobyard_worker.main import parser as worker
from reference.page import Page, table

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = ("option", "meaning")
_WIDTH = 90


def sections() -> str:
    """A section a command: those of `jobyard`, then those of the services."""
    commands = [_section(name, command) for name, command in _commands("jobyard", get_command(app))]
    return "\n".join((*commands, *(_service(make()) for make in (api, worker, scheduler))))


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """All commands below one, by their full names."""
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
        return
    for each in sorted(below):
        yield from _commands(f"{name} {each}", below[each])


def _section(name: str, command: Any) -> str:
    context = typer.Context(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    records = [parameter.get_help_record(context) for parameter in command.params]
    rows = [
        (f"`{option.replace('|', ' / ')}`", meaning) for option, meaning in filter(None, records)
    ]
    said = f"## `{name}`\n\n{inspect.cleandoc(command.help)}\n\n```text\n{name} {usage}\n```\n"
    return f"{said}\n{table(_HEAD, rows)}" if rows else said


def _service(parser: ArgumentParser) -> str:
    """Its settings have a page of their own."""
    parser.epilog = None
    parser.formatter_class = partial(HelpFormatter, width=_WIDTH)
    return f"## `{parser.prog}`\n\n```text\n{parser.format_help()}```\n"


PAGE = Page("commands.md", "the parsers of the commands", sections)
