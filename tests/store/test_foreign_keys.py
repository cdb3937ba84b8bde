"""A key of a foreign type stops a script before its first write (Lua does not roll back).

The sweeps look at all queues or workers: there, what is broken harms only itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jobyard.errors import StoreDataError
from support.consistency import displaced
from support.keyspace import changed, make_foreign
from support.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.store.calls import Call
    from support.yard import Yard

SWEEPS = (
    *("claim", "claim large", "reap", "leave", "promote", "prune", "prune large", "tend rq"),
    *("tidy", "trim"),
    "settle large",  # also writes the index of what is kept apart, which only counts
)
TIED = ("claim tied", "settle tied", "cancel tied", "delete")
"""What knows a job beside its queue must not stop its start or end: it is passed over as well."""


@pytest.mark.parametrize("name", sorted(SCENARIOS.keys() - {*SWEEPS, *TIED}))
def test_nothing_is_written_when_a_key_that_would_be_written_is_foreign(
    yard: Yard, name: str
) -> None:
    wrong = {
        key: problem
        for key, kind in written_by(yard, name).items()
        if (problem := after_refusal(yard, name, key, kind))
    }

    assert wrong == {}


@pytest.mark.parametrize("name", SWEEPS + TIED)
def test_a_sweep_leaves_jobs_whole_when_a_key_is_foreign(yard: Yard, name: str) -> None:
    wrong = {
        key: problem
        for key, kind in written_by(yard, name).items()
        if (problem := after_sweep(yard, name, key, kind))
    }

    assert wrong == {}


def written_by(yard: Yard, name: str) -> dict[str, str]:
    """Key → type of what the script makes, changes or removes here, without records of jobs.

    Results are left out where the script only gives them a TTL or removes them, and what was kept
    apart where it is removed.
    """
    call = SCENARIOS[name](yard)
    before = yard.dump()
    yard.store.run(call)
    after = yard.dump()
    job = f"{yard.keys.prefix}:job:"
    result = job if name.startswith("release") else f"{yard.keys.prefix}:results:"
    keys = sorted(changed(before, after))
    assert keys, "the scenario writes nothing"
    apart = (yard.keys.payload(""), yard.keys.result(""))
    return {
        key: (after.get(key) or before[key])[0]
        for key in keys
        if not key.startswith((job, result)) and (key in after or not key.startswith(apart))
    }


def after_refusal(yard: Yard, name: str, key: str, kind: str) -> str:
    """Empty when the call is refused and nothing changed."""
    call, before = _spoil(yard, SCENARIOS[name], key, kind)
    try:
        yard.store.run(call)
    except StoreDataError:
        touched = changed(before, yard.dump())
        return f"refused, but changed {sorted(touched)}" if touched else ""
    return f"not refused, changed {sorted(changed(before, yard.dump()))}"


def after_sweep(yard: Yard, name: str, key: str, kind: str) -> str:
    """Empty when it was refused without a write, or every job is where its status says."""
    call, before = _spoil(yard, SCENARIOS[name], key, kind)
    try:
        yard.store.run(call)
    except StoreDataError as error:
        touched = changed(before, yard.dump(yard.keys.yard("reaper")))
        touched -= {yard.keys.yard("reaper")}
        return f"refused ({error}), but changed {sorted(touched)}" if touched else ""
    return "; ".join(displaced(before, yard.dump(), yard.keys.prefix))


def _spoil(
    yard: Yard, prepare: Callable[[Yard], Call[Any]], key: str, kind: str
) -> tuple[Call[Any], dict[str, Any]]:
    yard.client.flushall()
    call = prepare(yard)
    make_foreign(yard.client, key, kind)
    return call, yard.dump()
