"""Ends the yard's processes when `jobyard up` itself was killed. Runs as a process of its own.

The yard writes ``+pid stage`` and ``-pid`` lines into its standard input, which ends when the yard
is gone, however it went. Works where PR_SET_PDEATHSIG does not exist, and lets workers drain.
Started as a bare file with no packages in reach, so only the standard library is used.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time


def main() -> None:
    """Follows the yard until it is gone, then ends what it left behind."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    left = _follow()
    for stage in sorted(set(left.values())):
        _end([pid for pid, other in left.items() if other == stage], float(sys.argv[1]))


def _follow() -> dict[int, int]:
    left: dict[int, int] = {}
    for line in sys.stdin:
        word, _, stage = line.strip().partition(" ")
        if word.startswith("-"):
            left.pop(int(word[1:]), None)
        elif stage:
            left[int(word[1:])] = int(stage)
    return left


def _end(groups: list[int], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for group in groups:
        _signal(group, signal.SIGTERM)
    while any(_signal(group, 0) for group in groups) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in groups:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


if __name__ == "__main__":
    main()
