"""The worker's side of its keeper, where the machine itself fails."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from jobyard_worker.keeping import Keeping
from jobyard_worker.pulse import Pulse
from jobyard_worker.settings import WorkerSettings
from jobyard_worker.wake import Wake
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def keeping(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeping]:
    """One whose keepers die at once."""
    spawned: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def spawn(_: object, **options: Any) -> subprocess.Popen[bytes]:
        spawned.append(popen(["false"], **options))
        return spawned[-1]

    monkeypatch.setattr(subprocess, "Popen", spawn)
    keeping = Keeping(WorkerSettings.load(_env_file=None), Wake())
    yield keeping
    keeping.dismiss()
    for process in spawned:
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def fail() -> Pulse:
    raise OSError(28, "No space left on device")


def test_a_keeper_that_cannot_be_replaced_stops_no_beat(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(Pulse, "create", fail)
        with pytest.raises(OSError, match="No space"):
            wait_for(keeping.tend)

    keeping.beat(1)

    assert wait_for(keeping.tend)
