"""What an expression of PromQL selects and by what it groups: enough for those that we write."""

from __future__ import annotations

import re
from dataclasses import dataclass

_METRIC = r"(?:jobyard|process)[_:][a-zA-Z0-9_:]+|ALERTS|up"
_SELECTOR = re.compile(rf"\b(?P<name>{_METRIC})\b(?:\{{(?P<matchers>[^}}]*)\}})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Selector:
    """The name of a metric with its matchers, ``(label, operator, value)``."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]

    @property
    def labels(self) -> list[str]:
        """The labels that it matches."""
        return [label for label, _, _ in self.matchers]

    @property
    def text(self) -> str:
        """As it is written."""
        inner = ",".join(f'{label}{how}"{value}"' for label, how, value in self.matchers)
        return f"{self.name}{{{inner}}}"


def selectors_of(expression: str) -> list[Selector]:
    """All of them, in order."""
    return [
        Selector(found["name"], tuple(_MATCHER.findall(found["matchers"] or "")))
        for found in _SELECTOR.finditer(expression)
    ]


def labels_of(expression: str) -> set[str]:
    """The labels by which it groups and joins."""
    groups = _GROUPING.findall(expression)
    return {label.strip() for group in groups for label in group.split(",")} - {""}
