"""What the scheduler says of its pools, from what the store had a moment ago."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jobyard.scaling import Pool
from jobyard_scheduler.attended import AttendedStore
from jobyard_scheduler.autoscale import AutoscalePages
from jobyard_scheduler.loops.estimator import STALE_SECONDS, Estimator

if TYPE_CHECKING:
    from support.yard import Yard

MAIL = Pool(
    name="mail",
    queues=("mail", "newsletters"),
    concurrency=3,
    latency_target_seconds=7.0,
    mean_job_seconds=3.0,
    min=1,
    max=4,
)
REPORTS = Pool(name="reports", queues=("reports",), max=7)


class Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def estimator(yard: Yard, clock: Clock) -> Estimator:
    """Of two pools, which has not looked yet."""
    return Estimator(AttendedStore(yard.store), [MAIL, REPORTS], clock)


def get(estimator: Estimator, path: str) -> tuple[int, Any]:
    answer = AutoscalePages(estimator).answer(path)
    assert answer.content_type == "application/json"
    assert answer.body.startswith(b'{\n  "'), "people read it too"
    assert answer.body.endswith(b"\n}\n")
    return answer.status, json.loads(answer.body)


def test_a_pool_is_shown_with_its_load_its_terms_and_what_they_ask_for(
    yard: Yard, estimator: Estimator
) -> None:
    yard.submit(*(f"j{n}" for n in range(9)), queue="mail")
    yard.submit("j9", queue="newsletters")
    yard.join("w1")
    yard.claim(queues=("mail",), limit=1)

    estimator.tick()

    assert get(estimator, "/autoscale/mail") == (200, {
        "pool": "mail", "queues": ["mail", "newsletters"],
        "queued": 9, "paused": 0, "claimed": 1, "busy": 0,
        "concurrency": 3, "backlogPerSlot": 2.333, "signal": 1.429, "desiredWorkers": 2,
        "min": 1, "max": 4,
    })  # fmt: skip


def test_without_a_name_all_pools_are_shown_in_order(estimator: Estimator) -> None:
    estimator.tick()

    status, every = get(estimator, "/autoscale")

    assert status == 200
    assert [pool["pool"] for pool in every["pools"]] == ["mail", "reports"]
    assert get(estimator, "/autoscale/") == (status, every)


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        (
            "mial",
            "No pool 'mial'. Did you mean 'mail'? JOBYARD_POOLS names mail, reports.",
        ),
        ("zzz", "No pool 'zzz'. JOBYARD_POOLS names mail, reports."),
    ],
)
def test_an_unknown_pool_is_answered_with_those_that_are_known(
    estimator: Estimator, name: str, detail: str
) -> None:
    assert get(estimator, f"/autoscale/{name}") == (404, {"status": 404, "detail": detail})


def test_where_no_pool_is_known_it_says_how_to_name_one(yard: Yard) -> None:
    estimator = Estimator(AttendedStore(yard.store), [])
    estimator.tick()

    status, said = get(estimator, "/autoscale/mail")

    assert (status, said["status"]) == (404, 404)
    assert said["detail"] == "No pool 'mail': no pools are known. Name them in JOBYARD_POOLS."
    assert get(estimator, "/autoscale") == (200, {"pools": []})
    assert estimator.desired() == {}


def test_before_the_first_look_nobody_is_told_that_nothing_waits(estimator: Estimator) -> None:
    status, said = get(estimator, "/autoscale/mail")

    assert (status, said["status"]) == (503, 503)
    assert said["detail"] == "The store has not been read lately: nobody knows what waits."
    assert estimator.desired() == {}


def test_a_look_says_nothing_any_more_once_it_is_old(estimator: Estimator, clock: Clock) -> None:
    estimator.tick()

    clock.seconds += STALE_SECONDS - 0.5
    assert get(estimator, "/autoscale/mail")[0] == 200
    clock.seconds += 0.5

    assert get(estimator, "/autoscale/mail")[0] == 503
    assert estimator.desired() == {}


def test_metrics_name_what_each_pool_needs_and_may_have(yard: Yard, estimator: Estimator) -> None:
    yard.submit(*(f"j{n}" for n in range(9)), queue="mail")

    estimator.tick()

    assert estimator.desired() == {("mail",): 2, ("reports",): 0}
    assert estimator.limits() == {("mail",): 4, ("reports",): 7}
