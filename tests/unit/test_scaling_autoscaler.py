"""KEDA's part and the HPA's together: waking, sleeping, and what is done while nobody knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.scaling import Activation, Autoscaler, Behavior, Policy, Rules, Terms
from jobyard.scaling.keda import Fallback

QUICK = Behavior(Rules(0, (Policy("Percent", 10_000, 1),)), Rules(0, (Policy("Percent", 100, 1),)))


def build_terms(**changes: object) -> Terms:
    fields = {
        "minimum": 0, "maximum": 10, "polling_seconds": 5, "sync_seconds": 15,
        "cooldown_seconds": 60, "behavior": QUICK, **changes,
    }  # fmt: skip
    return Terms(**fields)  # type: ignore[arg-type]  # by name, as the tests give them


def follow(
    scaler: Autoscaler, signals: list[float | None], replicas: int = 0, step_seconds: float = 5
) -> list[int]:
    found = []
    for number, signal in enumerate(signals):
        replicas = scaler.look(number * step_seconds, replicas, signal).replicas
        found.append(replicas)
    return found


def test_the_first_poll_that_sees_work_wakes_one_worker_and_the_hpa_does_the_rest() -> None:
    found = follow(Autoscaler(build_terms()), [0, 0, 7, 7, 7])

    assert found == [0, 0, 1, 7, 7]


def test_it_says_who_changed_something() -> None:
    scaler = Autoscaler(build_terms())

    woken = scaler.look(0, 0, 7.0)
    unchanged = scaler.look(5, 1, 7.0)
    grown = scaler.look(15, 1, 7.0)

    assert [look.by for look in (woken, unchanged, grown)] == ["hpa", "nobody", "hpa"]
    assert scaler.look(20, 0, 7.0).by == "keda"


def test_a_signal_within_the_tolerance_changes_nothing() -> None:
    assert follow(Autoscaler(build_terms(tolerance=0.5)), [6.0], replicas=4) == [4]
    assert follow(Autoscaler(build_terms(tolerance=0.4)), [6.0], replicas=4) == [6]


def test_a_pool_that_was_never_seen_at_work_sleeps_at_once() -> None:
    assert Activation(minimum=0, cooldown_seconds=60).poll(0, 3, 0.0) == 0


def test_the_fallback_counts_failures_in_a_row() -> None:
    fallback = Fallback(after_failures=3, replicas=4)

    assert [fallback.failed(1) for _ in range(3)] == [None, None, 4]
    fallback.succeeded()
    assert [fallback.failed(6) for _ in range(3)] == [None, None, 6]


def test_what_wakes_is_strictly_more_than_the_threshold() -> None:
    activation = Activation(minimum=0, cooldown_seconds=60, threshold=2)

    assert activation.poll(0, 0, 2.0) == 0
    assert activation.poll(5, 0, 2.001) == 1


def test_a_pool_sleeps_once_it_had_nothing_to_do_for_the_whole_cooldown() -> None:
    found = follow(Autoscaler(build_terms()), [3, 3, 3, 3, *[0.0] * 20])

    assert found[3:] == [3, 3, 3, *[1] * 10, *[0] * 8]


def test_work_within_the_cooldown_begins_it_anew() -> None:
    found = follow(Autoscaler(build_terms()), [1, *[0.0] * 12, 1, *[0.0] * 12])

    assert 0 not in found


def test_a_pool_with_a_minimum_never_sleeps() -> None:
    found = follow(Autoscaler(build_terms(minimum=2)), [0.0] * 40)

    assert set(found) == {2}


def test_nothing_changes_while_nobody_knows_the_signal() -> None:
    found = follow(Autoscaler(build_terms(fallback_failures=1000)), [6.0, 6.0, *[None] * 100])

    assert set(found[3:]) == {found[2]}


def test_after_some_failures_there_are_at_least_the_workers_of_the_fallback() -> None:
    terms = build_terms(fallback_failures=3, fallback_replicas=4)

    assert follow(Autoscaler(terms), [1.0, *[None] * 12], replicas=1)[-1] == 4
    assert follow(Autoscaler(terms), [6.0, *[None] * 12], replicas=6)[-1] == 6
    assert follow(Autoscaler(terms), [None] * 12, replicas=0)[-1] == 0


def test_it_says_when_it_wants_to_look_again() -> None:
    scaler = Autoscaler(build_terms())

    scaler.look(100.0, 1, 1.0)

    assert scaler.next_look_at == 105.0


def test_terms_can_be_run_through_quickly() -> None:
    down = Rules(120, (Policy("Percent", 25, 30), Policy("Pods", 1, 60)))
    terms = build_terms(behavior=Behavior(down=down))

    assert terms.quicker(30) == build_terms(
        polling_seconds=5 / 30,
        sync_seconds=0.5,
        cooldown_seconds=2,
        behavior=Behavior(
            up=Rules(0, (Policy("Percent", 100, 0.5), Policy("Pods", 4, 0.5))),
            down=Rules(4, (Policy("Percent", 25, 1), Policy("Pods", 1, 2))),
        ),
    )


@pytest.mark.parametrize(
    "limits", [{"minimum": 3, "maximum": 2}, {"minimum": 2, "maximum": 1}, {"maximum": 0}]
)
def test_wrong_limits_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="minimum"):
        build_terms(**limits)


@given(st.lists(st.one_of(st.none(), st.floats(0, 50)), max_size=80))
def test_while_there_is_work_a_pool_is_never_put_to_sleep(signals: list[float | None]) -> None:
    scaler, replicas = Autoscaler(build_terms(cooldown_seconds=0)), 3

    for number, signal in enumerate(signals):
        after = scaler.look(number * 5.0, replicas, signal).replicas
        if signal is None or signal > 0:
            assert after >= min(replicas, 1)
        replicas = after
