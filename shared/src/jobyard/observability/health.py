"""The health of a process as pages for probes: whether it lives, and whether it does its job."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from jobyard.observability.pages import Answer

if TYPE_CHECKING:
    from jobyard.observability.pages import Page, Pages

Check = Callable[[], str]
"""Says what is wrong; empty text where nothing is."""


def health_pages(live: Check, ready: Check) -> Pages:
    """``/livez``, about this process only, and ``/readyz``, about doing its job: 200 or 503."""
    return {"/livez": _page_of(live), "/readyz": _page_of(ready)}


def _page_of(check: Check) -> Page:
    return lambda _: _answer_to(check())


def _answer_to(reason: str) -> Answer:
    if not reason:
        return Answer(200, b'{"status":"ok"}\n')
    body = json.dumps({"status": "failing", "reason": reason}, separators=(",", ":"))
    return Answer(503, f"{body}\n".encode())
