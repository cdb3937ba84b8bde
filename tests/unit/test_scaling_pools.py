"""``JOBYARD_POOLS``: what is read, and what is refused with the place and the reason."""

from __future__ import annotations

import json

import pytest

from jobyard.errors import ConfigurationError
from jobyard.scaling import pools_from
from jobyard_scheduler.settings import SchedulerSettings


def test_a_pool_is_read_with_the_names_of_the_chart() -> None:
    [pool] = pools_from(
        '[{"name": "mail", "queues": ["mail", "mail.high", "news"], "concurrency": 4,'
        ' "latencyTargetSeconds": 60, "meanJobSeconds": 2.5, "min": 1, "max": 20}]'
    )

    assert pool.queues == ("mail", "news")
    assert (pool.concurrency, pool.backlog, pool.min, pool.max) == (4, 24.0, 1, 20)


def test_none_is_no_pools() -> None:
    assert pools_from("") == ()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{", "not JSON"),
        ({"name": "mail"}, "give a JSON list"),
        ([{"queues": ["a"]}], "[0].name"),
        ([{"name": "a", "queues": []}], "[0].queues"),
        ([{"name": "a", "queues": ["b c"]}], "[0].queues: queue name 'b c'"),
        ([{"name": "a/b", "queues": ["a"]}], "pool name 'a/b'"),
        ([{"name": "a", "queues": ["a"], "concurency": 2}], "[0].concurency"),
        ([{"name": "a", "queues": ["a"], "min": 3, "max": 2}], "[0]: min 3 is above max 2"),
        ([{"name": "a", "queues": ["a"], "meanJobSeconds": 0}], "[0].meanJobSeconds"),
        ([{"name": "a", "queues": ["q"]}, {"name": "a", "queues": ["r"]}], "have the name 'a'"),
        ([{"name": "a", "queues": ["q"]}, {"name": "b", "queues": ["q.low"]}], "queue 'q' is in"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    value: object, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBYARD_POOLS", value if isinstance(value, str) else json.dumps(value))

    with pytest.raises(ConfigurationError) as raised:
        SchedulerSettings.load(_env_file=None)

    assert "JOBYARD_POOLS" in str(raised.value)
    assert reason in str(raised.value)
