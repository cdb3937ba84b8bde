"""KEDA is told the one formula, over the keys that the store really has."""

from __future__ import annotations

import math
import random
import re
from typing import Any

import pytest

from jobyard.keys import Keys
from jobyard.lanes import lanes_of
from jobyard.scaling import Load, Policy, Rules, Terms, signal
from jobyard.scaling.pools import pools_from
from support.chart import Object, RefusedError, Release, environment_of, render
from support.chart_cases import CASES

KEDA = {"enabled": True, "type": "keda"}


def scaled(**values: Any) -> Object:
    """The ScaledObject of a pool ``mail`` that serves the queues ``mail`` and ``news``."""
    pool = {"queues": ["mail", "news"], "autoscaling": KEDA, **values}
    found: Object = render({"pools": {"default": None, "mail": pool}}).one("ScaledObject")["spec"]
    return found


def lists_of(spec: Object) -> dict[str, str]:
    return {each["name"]: each["metadata"]["listName"] for each in spec["triggers"]}


def formula_of(spec: Object) -> str:
    found: str = spec["advanced"]["scalingModifiers"]["formula"]
    return found


@pytest.mark.parametrize("prefix", ["rq", "{yard}:a.b"])
def test_triggers_read_every_lane_and_the_busy_slots(prefix: str) -> None:
    keys = Keys(prefix)
    lanes = [lane for queue in ("mail", "news") for lane in lanes_of(queue)]
    pool = {"queues": ["mail", "news"], "autoscaling": KEDA}

    release = render({"settings": {"keyPrefix": prefix}, "pools": {"default": None, "mail": pool}})

    assert sorted(lists_of(release.one("ScaledObject")["spec"]).values()) == sorted(
        [
            *map(keys.queue, lanes),
            *(keys.registry("wip", lane) for lane in lanes),
            keys.busy("mail"),
        ]
    )


def test_a_lane_is_counted_with_its_queue_and_once() -> None:
    spec = scaled(queues=["mail.high"])

    assert lists_of(spec) == lists_of(scaled(queues=["mail"]))


def test_the_formula_names_every_trigger_and_nothing_else() -> None:
    spec = scaled()

    named = re.findall(r"[a-z]\w+", formula_of(spec).replace("max(", "("))

    assert sorted(named) == sorted(lists_of(spec))


def evaluate(formula: str, lengths: dict[str, int]) -> float:
    """Evaluates the formula as KEDA's expression language does: it is Python's for what is used."""
    assert re.fullmatch(r"[a-z0-9_ +*/(),.]+", formula, re.IGNORECASE)
    value: float = eval(formula, {"__builtins__": {}, "max": max}, lengths)
    return value


@pytest.mark.parametrize(
    ("concurrency", "latency", "mean"), [(1, 30, 1), (8, 30, 0.2), (500, 10, 60), (3, 7, 2.5)]
)
def test_the_formula_is_that_of_the_code(concurrency: int, latency: float, mean: float) -> None:
    values = {"latencyTargetSeconds": latency, "meanJobSeconds": mean}
    spec = scaled(
        concurrency=concurrency,
        executor="asyncio",
        autoscaling={**KEDA, **values},
    )
    choice = random.Random(7)

    for _ in range(50):
        lengths = {name: choice.choice((0, 1, 7, 4000)) for name in lists_of(spec)}
        load = Load(
            queued=sum(n for name, n in lengths.items() if name.startswith("queued")),
            claimed=sum(n for name, n in lengths.items() if name.startswith("claimed")),
            busy=lengths["busy"],
        )
        ours = signal(load, concurrency=concurrency, backlog=max(1.0, latency / mean))
        assert math.isclose(evaluate(formula_of(spec), lengths), ours, rel_tol=1e-9)


def test_one_job_wakes_a_pool_that_sleeps() -> None:
    spec = scaled()

    assert spec["advanced"]["scalingModifiers"]["activationTarget"] == "0"
    for name in lists_of(spec):
        lengths = {each: int(each == name) for each in lists_of(spec)}
        assert evaluate(formula_of(spec), lengths) > 0


def test_a_new_pool_is_left_time_for_its_first_jobs() -> None:
    assert scaled()["initialCooldownPeriod"] >= 120


def test_the_local_autoscaler_has_the_terms_of_the_chart() -> None:
    spec, terms = scaled(), Terms()
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]

    assert (spec["pollingInterval"], spec["cooldownPeriod"]) == (
        terms.polling_seconds,
        terms.cooldown_seconds,
    )
    assert rules_of(behavior["scaleUp"]) == terms.behavior.up
    assert rules_of(behavior["scaleDown"]) == terms.behavior.down


def rules_of(direction: Object) -> Rules:
    policies = (
        Policy(each["type"], each["value"], each["periodSeconds"]) for each in direction["policies"]
    )
    return Rules(direction["stabilizationWindowSeconds"], tuple(policies))


def test_a_store_that_is_away_takes_no_pod_away() -> None:
    assert scaled()["fallback"] == {
        "failureThreshold": 3,
        "replicas": 1,
        "behavior": "currentReplicasIfHigher",
    }


def test_the_scheduler_is_told_the_same_of_each_scaled_pool() -> None:
    release = render(CASES["keda"])
    told = environment_of(release.one("Deployment", "-scheduler")["spec"]["template"])

    pools = {pool.name: pool for pool in pools_from(told["JOBYARD_POOLS"])}

    assert set(pools) == {"default", "reports"}
    assert pools["reports"].queues == ("reports", "exports")
    assert pools["reports"].backlog == 2.0
    assert (pools["default"].min, pools["default"].max) == (0, 20)


def test_fixed_pools_are_none_of_the_scalers() -> None:
    told = environment_of(render().one("Deployment", "-scheduler")["spec"]["template"])

    assert pools_from(told["JOBYARD_POOLS"]) == ()


@pytest.mark.parametrize("case", CASES)
def test_replicas_are_left_to_who_scales(case: str) -> None:
    release = render(CASES[case])
    scalers = (*release.of("ScaledObject"), *release.of("HorizontalPodAutoscaler"))
    names = {each["spec"]["scaleTargetRef"]["name"] for each in scalers}

    for each in release.of("Deployment"):
        assert ("replicas" in each["spec"]) == (each["metadata"]["name"] not in names)
    assert len(names) == len(scalers)


def worker_of(release: Release, pool: str) -> tuple[Object, dict[str, Any]]:
    template = release.one("Deployment", f"-worker-{pool}")["spec"]["template"]
    return template["spec"], environment_of(template)


def test_scaled_workers_write_their_deletion_cost_and_others_do_not() -> None:
    release = render(CASES["everything"])

    spec, environment = worker_of(release, "default")
    assert environment["JOBYARD_DELETION_COST"] == "true"
    assert environment["POD_NAME"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert environment["POD_NAMESPACE"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}
    assert spec["automountServiceAccountToken"] is True
    spec, environment = worker_of(release, "fixed")
    assert "JOBYARD_DELETION_COST" not in environment
    assert spec["automountServiceAccountToken"] is False


def test_a_pool_may_say_false_where_the_default_is_true() -> None:
    spec, environment = worker_of(
        render({"pools": {"default": {"autoscaling": {**KEDA, "deletionCost": False}}}}), "default"
    )

    assert "JOBYARD_DELETION_COST" not in environment
    assert spec["automountServiceAccountToken"] is False


@pytest.mark.parametrize(("longest", "grace"), [(180, 0), (3600, 0), (60, 120)])
def test_a_worker_has_time_for_its_longest_job(longest: int, grace: int) -> None:
    values = {"maxJobSeconds": longest, "graceSeconds": grace}

    spec, environment = worker_of(render({"pools": {"default": values}}), "default")

    assert int(environment["JOBYARD_MAX_JOB_SECONDS"]) == longest
    assert int(environment["JOBYARD_GRACE_SECONDS"]) >= longest + 10
    assert spec["terminationGracePeriodSeconds"] >= int(environment["JOBYARD_GRACE_SECONDS"]) + 5
    assert "lifecycle" not in spec["containers"][0]


def test_the_api_has_time_to_drain() -> None:
    release = render({"api": {"drainSeconds": 20, "shutdownSeconds": 60}})

    spec = release.one("Deployment", "-api")["spec"]["template"]["spec"]

    assert spec["terminationGracePeriodSeconds"] > 80


def test_two_pools_cannot_scale_by_one_queue() -> None:
    pools = {name: {"queues": ["mail"], "autoscaling": KEDA} for name in ("a", "b")}

    with pytest.raises(RefusedError, match=r"pools\.a and pools\.b both scale by queue mail"):
        render({"pools": {"default": None, **pools}})


def test_a_fixed_pool_may_help_a_scaled_one() -> None:
    pools = {"a": {"queues": ["mail"], "autoscaling": KEDA}, "b": {"queues": ["mail"]}}

    release = render({"pools": {"default": None, **pools}})

    assert len(release.of("ScaledObject")) == 1
