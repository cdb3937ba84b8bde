"""How long a request wants to wait: ``?wait=30s`` and ``Prefer: wait=5`` (RFC 7240)."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header, Query
from pydantic import AfterValidator, StringConstraints

MAX_SECONDS = 60.0

PATTERN = r"^(?:[0-9]{1,6}(?:ms|s|m)?|PT[0-9]{1,6}[SM])$"
_PARTS = re.compile(r"(?:PT)?([0-9]+)([A-Za-z]*)")
_UNITS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0}


def seconds_of(text: str) -> float:
    """Seconds of ``30``, ``30s``, ``1m``, ``500ms`` or ``PT30S``; at most ``MAX_SECONDS``."""
    found = _PARTS.fullmatch(text)
    if found is None:
        raise ValueError("not a time")
    return min(float(found[1]) * _UNITS[found[2].lower()], MAX_SECONDS)


def preferred(header: str | None) -> float:
    """Seconds of the preference ``wait``; 0 without one, or with one that says no number."""
    for preference in (header or "").split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            digits = value.strip().strip('"')
            is_number = digits.isascii() and digits.isdigit()
            return min(float(digits), MAX_SECONDS) if is_number else 0.0
    return 0.0


Wait = Annotated[
    Annotated[str, StringConstraints(pattern=PATTERN), AfterValidator(seconds_of)] | None,
    Query(
        description="Wait so long for the job's end: `30`, `30s`, `1m`, `500ms` or `PT30S`; more "
        "than 60 s counts as 60 s",
        examples=["30s"],
    ),
]

Prefer = Annotated[
    str | None,
    Header(
        description="`wait=5`: answer with the job when it has ended within 5 seconds (at most "
        "60), and with `Preference-Applied`; else as usual (RFC 7240)",
        examples=["wait=5"],
    ),
]
