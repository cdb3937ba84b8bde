"""Faults other than kills at a point. Each is a function of a ``Stage`` and returns a ``Row``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.faults import clocks, kills, network, outages, stops

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.faults.load import Stage
    from chaos.table import Row

FAULTS: dict[str, Callable[[Stage], Row]] = {
    **kills.FAULTS,
    **stops.FAULTS,
    **outages.FAULTS,
    **network.FAULTS,
    **clocks.FAULTS,
}
