"""Which release of which service a process is."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING

from jobyard.observability.metrics import BUILD_INFO
from jobyard.observability.values import Reading

if TYPE_CHECKING:
    from jobyard.observability.values import Values


def build_info(service: str) -> Reading:
    """Of ``jobyard-<service>``; looked up at the first scrape, as that takes 50 ms."""

    @cache
    def read() -> Values:
        version = metadata.version(f"jobyard-{service}")
        return {(version, service, platform.python_version()): 1}

    return Reading(BUILD_INFO, read)
