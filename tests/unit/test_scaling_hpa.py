"""The HPA's algorithm, number by number as Kubernetes has it, and what holds for any load."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.scaling import Behavior, HorizontalAutoscaler, Policy, Rules, Select
from jobyard.scaling.hpa import average_value_replicas

PODS_4 = Policy("Pods", 4, 15)
DOUBLE = Policy("Percent", 100, 15)
AT_ONCE = Rules(0, (Policy("Percent", 10_000, 15),))
TO_THE_GROUND = Rules(0, (Policy("Percent", 100, 15),))


def build_hpa(
    up: Rules = AT_ONCE, down: Rules = TO_THE_GROUND, minimum: int = 1, maximum: int = 100
) -> HorizontalAutoscaler:
    return HorizontalAutoscaler(minimum, maximum, Behavior(up, down))


def follow(
    hpa: HorizontalAutoscaler, totals: list[float], replicas: int = 1, step_seconds: float = 15
) -> list[int]:
    """The replicas after each round."""
    found = []
    for number, total in enumerate(totals):
        replicas = hpa.sync(number * step_seconds, replicas, total)
        found.append(replicas)
    return found


@pytest.mark.parametrize(
    ("replicas", "total", "wanted"),
    [
        (1, 1.0, 1),
        (1, 1.1, 1),
        (1, 1.101, 2),
        (10, 9.0, 10),
        (10, 8.99, 9),
        (10, 11.0, 10),
        (10, 11.01, 12),
        (4, 0.0, 0),
        (2, 1.000_9, 1),
    ],
)
def test_the_total_over_the_target_is_rounded_up_unless_it_is_within_a_tenth(
    replicas: int, total: float, wanted: int
) -> None:
    assert average_value_replicas(replicas, total, 1.0) == wanted


def test_the_policy_that_allows_most_counts() -> None:
    assert follow(build_hpa(up=Rules(0, (DOUBLE, PODS_4))), [100] * 4) == [5, 10, 20, 40]


def test_the_policy_that_allows_least_counts_where_that_is_asked_for() -> None:
    assert follow(build_hpa(up=Rules(0, (DOUBLE, PODS_4), Select.MIN)), [100] * 4) == [2, 4, 8, 12]


def test_the_least_that_is_allowed_counts_for_taking_away_too() -> None:
    policies = (Policy("Pods", 4, 15), Policy("Pods", 1, 15))

    assert follow(build_hpa(down=Rules(0, policies)), [0], replicas=10) == [6]
    assert follow(build_hpa(down=Rules(0, policies, Select.MIN)), [0], replicas=10) == [9]


def test_without_a_policy_nothing_is_taken_away() -> None:
    assert follow(build_hpa(down=Rules(0, ())), [0], replicas=5) == [5]


def test_all_pods_are_all_of_any_number() -> None:
    assert Policy("Percent", 100, 15).lowered(200) == 0


def test_a_policy_counts_what_was_changed_within_its_period() -> None:
    hpa = build_hpa(up=Rules(0, (PODS_4,)))

    assert follow(hpa, [100] * 5, step_seconds=5) == [5, 5, 5, 9, 9]


def test_a_step_of_one_pod_counts_within_its_period_in_both_directions() -> None:
    one = Rules(0, (Policy("Pods", 1, 30),))

    assert follow(build_hpa(up=one), [100] * 5) == [2, 2, 3, 3, 4]
    assert follow(build_hpa(down=one), [0] * 5, replicas=10) == [9, 9, 8, 8, 7]


def test_a_change_the_other_way_does_not_forget_what_was_changed_within_a_longer_period() -> None:
    slow = Rules(0, (Policy("Pods", 2, 60),))

    assert follow(build_hpa(down=slow), [0, 9, 0], replicas=10) == [8, 9, 8]
    assert follow(build_hpa(up=slow), [100, 6, 100], replicas=5) == [7, 6, 7]


def test_a_direction_that_is_disabled_changes_nothing() -> None:
    hpa = build_hpa(down=Rules(0, (), Select.DISABLED))

    assert follow(hpa, [8, 1, 1, 16]) == [8, 8, 8, 16]


def test_a_share_of_few_pods_is_cut_off_so_that_the_last_ones_go_too() -> None:
    hpa = build_hpa(down=Rules(0, (Policy("Percent", 25, 15),)))

    assert follow(hpa, [10, *[0] * 8]) == [10, 7, 5, 3, 2, 1, 1, 1, 1]


def test_scaling_in_waits_until_the_last_need_is_as_old_as_the_window() -> None:
    hpa = build_hpa(down=Rules(60, (Policy("Percent", 100, 15),)))

    assert follow(hpa, [10, 2, 3, 2, 2, 2, 2]) == [10, 10, 10, 10, 3, 3, 2]


def test_scaling_out_waits_where_it_has_a_window() -> None:
    hpa = build_hpa(up=Rules(30, (Policy("Percent", 10_000, 15),)))

    assert follow(hpa, [1, 10, 10, 10]) == [1, 1, 10, 10]


def test_limits_hold_at_once() -> None:
    hpa = build_hpa(minimum=3, maximum=5, up=Rules(0, (Policy("Pods", 1, 600),)))

    assert hpa.sync(0, 9, 100) == 5
    assert hpa.sync(15, 1, 100) == 3


def test_at_zero_it_does_nothing() -> None:
    assert build_hpa().sync(0, 0, 100) == 0


@pytest.mark.parametrize(("minimum", "maximum"), [(0, 5), (6, 5)])
def test_wrong_limits_are_refused(minimum: int, maximum: int) -> None:
    with pytest.raises(ValueError, match="minimum"):
        HorizontalAutoscaler(minimum, maximum)


totals = st.lists(st.floats(0, 200), min_size=1, max_size=60)


@given(totals)
def test_whatever_the_load_is_no_step_is_larger_than_the_policies_allow(load: list[float]) -> None:
    hpa = HorizontalAutoscaler(2, 50)

    for before, after in pairwise([2, *follow(hpa, load, replicas=2)]):
        assert 2 <= after <= 50
        assert after <= max(before * 2, before + 4)
        assert after >= min(int(before * 0.75), before - 1)


@given(st.floats(0.1, 50), st.integers(1, 50))
def test_a_load_that_stays_is_served_by_enough_and_not_by_many_more(
    total: float, replicas: int
) -> None:
    hpa = HorizontalAutoscaler(1, 60)

    after = follow(hpa, [total] * 100, replicas)[-1]

    assert after * 1.1 >= int(total * 1000) / 1000
    assert (after - 1) * 0.9 <= total


@given(st.integers(2, 40), st.floats(0, 1), st.integers(1, 7))
def test_a_sawtooth_within_the_window_does_not_flap(
    high: int, low_share: float, rounds_between: int
) -> None:
    tooth = [float(high), *[high * low_share] * rounds_between]
    load = tooth * 12

    found = follow(HorizontalAutoscaler(1, 50), load)

    turns = sum(after < before for before, after in pairwise(found))
    assert turns == 0
