"""The bytes that a worker and its keeper share are never read half written."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from jobyard_worker.pulse import Pulse

if TYPE_CHECKING:
    from pathlib import Path

READS = 200_000

BEATING = """
import sys
from pathlib import Path
from jobyard_worker.pulse import Pulse

pulse = Pulse(Path(sys.argv[1]))
pulse.beat(7)
print(flush=True)
while True:
    pulse.beat(7)
"""


def test_a_beat_that_is_being_written_is_never_read_as_silence() -> None:
    with closing(Pulse.create()) as pulse:
        command = [sys.executable, "-c", BEATING, str(pulse.path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as beating:
            assert beating.stdout is not None
            beating.stdout.readline()

            readings = [pulse.read() for _ in range(READS)]

            beating.kill()

    assert max(silent for silent, _ in readings) < 60
    assert {busy for _, busy in readings} == {7}


def test_silence_grows_without_beats(tmp_path: Path) -> None:
    path = tmp_path / "pulse"
    path.write_bytes(bytes(16))
    times = iter([10.0, 10.0, 75.0, 80.0])
    with closing(Pulse(path, clock=lambda: next(times))) as pulse:
        first = pulse.read()
        later = pulse.read()
        pulse.beat(3)
        after_a_beat = pulse.read()

    assert first == (0.0, 0)
    assert later == (65.0, 0)
    assert after_a_beat == (0.0, 3)
