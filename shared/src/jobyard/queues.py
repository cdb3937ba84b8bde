"""Names of queues, tasks and jobs: what is allowed. Pure."""

from __future__ import annotations

import re

DEFAULT_QUEUE = "default"

BUILT_IN_QUEUES = ("high", "default", "low", "notifications")
"""Those of the built-in tasks, in the order in which a worker empties them."""

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
JOB_ID_PATTERN = r"^[A-Za-z0-9_-]{1,128}$"

_NAME = re.compile(NAME_PATTERN.rstrip("$") + r"\Z")


def check_name(name: str, what: str) -> str:
    """Returns ``name`` of a queue, task or schedule.

    Raises:
        ValueError: It holds other characters than letters, digits and ``_ . -``, or more than 64.
    """
    if not _NAME.match(name):
        raise ValueError(
            f"{what} name {name!r}: use 1 to 64 letters, digits, '_', '.' or '-', "
            "beginning with a letter or digit"
        )
    return name


def split_names(text: str) -> tuple[str, ...]:
    """Queue names of a comma list, in order, each once.

    Raises:
        ValueError: A name is malformed or none is given.
    """
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise ValueError("name at least one queue")
    return tuple(check_name(name, "queue") for name in names)
