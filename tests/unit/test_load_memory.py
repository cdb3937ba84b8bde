"""Memory after the warm-up of a load test: what grew, and by how much."""

from __future__ import annotations

from typing import Any

import pytest

from loadlab.memory import growth


def samples(sizes: list[int], **more: int) -> list[dict[str, Any]]:
    process = {"kind": "api", "pid": 7, **more}
    return [
        {"second": second, "processes": [{**process, "rss": size}]}
        for second, size in enumerate(sizes)
    ]


def test_what_came_with_the_warm_up_is_no_growth() -> None:
    [found] = growth(samples([10] * 25 + [50] * 75), 100)

    assert (found["name"], found["early"], found["late"]) == ("api (pid 7)", 50, 50)
    assert found["share"] == 0


def test_growth_is_a_part_of_what_there_was() -> None:
    [found] = growth(samples([100] * 75 + [120] * 25), 100)

    assert found["share"] == pytest.approx(0.2)


def test_the_data_of_the_store_is_looked_at_too() -> None:
    found = growth(samples([100] * 100, used_memory=5), 100)

    assert [each["name"] for each in found] == ["api (pid 7)", "data in the store"]


def test_nothing_is_said_of_a_process_that_came_later_or_of_a_short_run() -> None:
    assert growth(samples([1] * 100)[60:], 100) == []
    assert growth(samples([1] * 20), 20) == []
