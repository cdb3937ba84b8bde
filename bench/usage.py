"""What processes use, as the kernel counts it: processor time and memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.processes import Service

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_MEGABYTES = os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True)
class Processor:
    """Seconds of processor time."""

    user: float = 0.0
    system: float = 0.0

    @property
    def total(self) -> float:
        """Both together."""
        return self.user + self.system

    def __add__(self, other: Processor) -> Processor:
        return Processor(self.user + other.user, self.system + other.system)

    def __sub__(self, other: Processor) -> Processor:
        return Processor(self.user - other.user, self.system - other.system)


def processor(pids: Iterable[int]) -> Processor:
    """What these processes have used so far; one that has ended counts nothing."""
    return sum(map(_processor_of, pids), Processor())


def tree_of(service: Service) -> list[int]:
    """A service and all that came from it."""
    return [service.pid, *service.children()]


def resident_megabytes(pid: int) -> float:
    """Memory of one process that is in RAM (RSS), in units of 10^6 bytes; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_MEGABYTES
    except OSError:
        return 0.0


def _processor_of(pid: int) -> Processor:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return Processor()
    return Processor(int(words[11]) * _TICK_SECONDS, int(words[12]) * _TICK_SECONDS)
