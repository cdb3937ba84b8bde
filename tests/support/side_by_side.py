"""Which tests may run beside each other when several processes share the work."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # has no types

HEAVY = (
    "tests/process/test_chaos_points.py",
    "tests/process/test_fault_fleet.py",
    "tests/process/test_fault_gil.py",
    "tests/process/test_versions.py",
)
"""Files whose tests keep both cores of a small machine busy."""

TOGETHER = ("tests/monitoring/test_incidents.py", "tests/monitoring/test_live.py")
"""Files whose tests share what takes long to start: each file to one process."""


class SideBySide(LoadScopeScheduling):  # type: ignore[misc] # its base has no types
    """Gives each test to whichever process is free; the heavy ones all to one, and first.

    Not ``--dist loadgroup``: xdist 3.8 marks the groups in a field that pytest 9.2 does not have.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(HEAVY):
            return "heavy"
        file = nodeid.partition("::")[0]
        return file if file in TOGETHER else nodeid
