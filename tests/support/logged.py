"""Every event that our code logs, as the code has it: name, levels, services, fields."""

from __future__ import annotations

import ast
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {
    "api": ROOT / "services/api/src",
    "worker": ROOT / "services/worker/src",
    "scheduler": ROOT / "services/scheduler/src",
    "all": ROOT / "shared/src/jobyard/observability",
}
_PREPARED = {"FrequentEvent", "PreparedEvent"}
_LEVELS = {
    "debug": "debug",
    "info": "info",
    "warning": "warning",
    "error": "error",
    "exception": "error",
}


@dataclass
class Logged:
    """One event."""

    levels: set[str] = field(default_factory=set)
    services: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    """Those that are written out; ``exception`` where a traceback comes along."""
    has_others: bool = False
    """Whether more fields come from elsewhere."""


def logged() -> dict[str, Logged]:
    """All events by name."""
    found: dict[str, Logged] = defaultdict(Logged)
    for service, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            for call in _calls(ast.parse(path.read_text())):
                _note(found, service, call)
    return dict(found)


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)


def _note(found: dict[str, Logged], service: str, call: ast.Call) -> None:
    texts = [
        arg.value
        for arg in call.args
        if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
    ]
    levels = _levels_of(call, texts)
    if not levels or not texts:
        return
    is_frequent = isinstance(call.func, ast.Name) and call.func.id in _PREPARED
    event = found[texts[1 if is_frequent else 0]]
    event.levels |= levels
    event.services.add(service)
    event.fields |= {each.arg for each in call.keywords if each.arg} - {"exc_info"}
    event.has_others |= is_frequent or any(each.arg is None for each in call.keywords)
    if _attribute(call) == "exception" or any(each.arg == "exc_info" for each in call.keywords):
        event.fields.add("exception")


def _levels_of(call: ast.Call, texts: list[str]) -> set[str]:
    """Empty for what is no call of a logger."""
    if isinstance(call.func, ast.Name):
        if call.func.id in _PREPARED:
            return {texts[2]} if len(texts) > 2 else {"info"}
        return {"debug", "info"} if call.func.id == "log" else set()
    is_logger = "log" in ast.unparse(call.func).rpartition(".")[0]
    return {_LEVELS[_attribute(call)]} if is_logger and _attribute(call) in _LEVELS else set()


def _attribute(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""
