"""The figures in what a bench prints: each line with a median and its spread is one."""

from __future__ import annotations

import re

_FIGURE = re.compile(
    r"^(?P<label>.*?\S)[\s:]+(?:median\s+)?(?P<median>\d[\d.]*)[^\d(]{0,24}"
    r"\((?:[\d.]+ to [\d.]+|each repetition: [\d., ]+|[\d. ]+)\)"
)
_QUANTILES = re.compile(r"(?P<name>p\d+)\s+(?P<value>\d[\d.]*)")


def figures(text: str) -> dict[str, float]:
    """Label → median, in the order of the lines; a label that comes again is the later one's."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if match := _FIGURE.match(line.strip()):
            found[match["label"]] = float(match["median"])
        elif quantiles := _QUANTILES.findall(line):
            label = re.split(r"\s{2,}", line.strip())[0]
            found |= {f"{label}, {name}": float(value) for name, value in quantiles}
    return found
