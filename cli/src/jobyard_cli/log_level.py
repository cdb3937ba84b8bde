"""`jobyard log-level`: how much the services log, for a while, straight in the store."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from jobyard.errors import ConfigurationError
from jobyard.observability.log_level import Service
from jobyard.store import log_level_calls
from jobyard_cli.ledger import entry_of, open_store

if TYPE_CHECKING:
    from jobyard.observability.log_level import AskedLevel
    from jobyard.store import Store

_PERIOD = re.compile(r"([1-9][0-9]{0,5})([smh])")
_UNITS = {"s": 1, "m": 60, "h": 3_600}
_MOST_SECONDS = 86_400


class Level(StrEnum):
    """What can be asked for; ``configured`` ends it."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CONFIGURED = "configured"


def log_level(
    level: Annotated[
        Level | None, typer.Argument(help="From which level on. Without: show what is asked for.")
    ] = None,
    service: Annotated[
        list[Service] | None, typer.Option(help="Which service; repeat it. Without: all.")
    ] = None,
    period: Annotated[
        str, typer.Option("--for", help="As in 30s, 10m or 2h, at most 24h.")
    ] = "10m",
) -> None:
    """Change what all processes of a service log; afterwards they log as configured again."""
    services = service or list(Service)
    seconds = _seconds(period)
    with open_store() as store:
        if level is not None:
            _ask(store, services, level, seconds)
        asked = store.run(log_level_calls.log_levels(services))
    for name, found in zip(services, asked, strict=True):
        typer.echo(f"{name}  {_shown(found)}")


def _ask(store: Store, services: list[Service], level: Level, seconds: int) -> None:
    wanted = None if level is Level.CONFIGURED else level.value
    detail = f"{wanted} for {seconds} s" if wanted else "as configured"
    for service in services:
        entry = entry_of("set_log_level", service, detail=detail)
        store.run(log_level_calls.set_log_level(service, wanted, seconds, entry))


def _seconds(period: str) -> int:
    found = _PERIOD.fullmatch(period)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 0 < seconds <= _MOST_SECONDS:
        raise ConfigurationError("--for: use seconds, minutes or hours up to 24h, as in 30s or 10m")
    return seconds


def _shown(asked: AskedLevel | None) -> str:
    return f"{asked.level} for {asked.seconds:.0f} s" if asked else "configured"
