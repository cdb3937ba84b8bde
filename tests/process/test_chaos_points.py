"""A part of the crash harness with a fixed seed: some of the points of several ways to end."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from chaos.arena import RESCUE_SECONDS, Arena
from chaos.outcomes import OUTCOMES
from chaos.plan import EXECUTORS
from chaos.sweep import Sweep
from conftest import require
from support.servers import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SEED = 4
POINTS_AN_OUTCOME = 1
MORE_POINTS = 4
DRAWN = ("success", "failure", "retry", "cancel", "timeout")


@pytest.fixture(params=EXECUTORS)
def sweep(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Sweep]:
    require(Engine.VALKEY)
    with Arena(tmp_path, executor=request.param) as arena:
        arena.start_scheduler()
        yield Sweep(arena, lanes=4)


@pytest.mark.slow
def test_a_kill_at_any_command_loses_nothing_and_doubles_no_more_than_was_in_hand(
    sweep: Sweep, figure: Callable[[str, object], None], is_thorough: bool
) -> None:
    points = MORE_POINTS if is_thorough else POINTS_AN_OUTCOME
    draw = random.Random(SEED)
    shots = []
    for name in DRAWN:
        trips, undisturbed = sweep.points(OUTCOMES[name])
        assert undisturbed.complaints == ()
        shots += [(OUTCOMES[name], [trip]) for trip in draw.sample(trips, points)]

    verdict = sweep.strike_all(shots)

    assert verdict.complaints == ()
    assert (verdict.lost, verdict.stale) == (0, 0)
    assert verdict.doubled <= verdict.allowed
    assert verdict.kills > len(shots) / 2, "most of the points were met"
    assert verdict.slowest_seconds < RESCUE_SECONDS
    figure("kills / lost / doubled", f"{verdict.kills} / 0 / {verdict.doubled}")
    figure("slowest rescue, lease 2 s", verdict.slowest_seconds)
