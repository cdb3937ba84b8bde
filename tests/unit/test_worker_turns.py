"""In which order a claim looks at the queues."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from jobyard.errors import ConfigurationError
from jobyard_worker.settings import WorkerSettings
from jobyard_worker.turns import Turns

QUEUES = ("high", "default", "low")


def test_strict_is_as_listed() -> None:
    turns = Turns(QUEUES)

    assert [turns.next() for _ in range(3)] == [QUEUES] * 3


def test_in_round_robin_each_comes_first_in_its_turn() -> None:
    turns = Turns(QUEUES, "round_robin")

    assert [turns.next() for _ in range(4)] == [
        ("high", "default", "low"),
        ("default", "low", "high"),
        ("low", "high", "default"),
        ("high", "default", "low"),
    ]


def test_a_weighted_queue_comes_first_as_often_as_its_weight_says() -> None:
    draw = random.Random(7).random
    turns = Turns(QUEUES, "weighted", {"high": 6, "default": 3}, draw)

    orders = [turns.next() for _ in range(10_000)]

    first = Counter(order[0] for order in orders)
    assert all(set(order) == set(QUEUES) for order in orders)
    assert abs(first["high"] - 6_000) < 200
    assert abs(first["default"] - 3_000) < 200


def test_random_draws_all_alike() -> None:
    turns = Turns(QUEUES, "random", draw=random.Random(7).random)

    first = Counter(turns.next()[0] for _ in range(9_000))

    assert all(abs(count - 3_000) < 200 for count in first.values())


def test_weights_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBYARD_QUEUE_WEIGHTS", "high:6, default:2.5")

    settings = WorkerSettings.load(queue_order="weighted", _env_file=None)

    assert settings.queue_weights == {"high": 6.0, "default": 2.5}


@pytest.mark.parametrize("weights", ["high", "high:0", "high:-1", "high:x", "high:nan", ":3"])
def test_a_wrong_weight_is_refused_by_name(weights: str) -> None:
    with pytest.raises(ConfigurationError, match="JOBYARD_QUEUE_WEIGHTS"):
        WorkerSettings.load(queue_weights=weights, queue_order="weighted", _env_file=None)


def test_weights_without_the_order_that_uses_them_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="JOBYARD_QUEUE_ORDER=weighted"):
        WorkerSettings.load(queue_weights="high:6", _env_file=None)
