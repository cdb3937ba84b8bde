"""The pure parts behind jobs of plain RQ code: what may run, what an end means, where to go."""

from __future__ import annotations

import os
from typing import Any

import pytest
import redis
from redis.sentinel import Sentinel

from jobyard.errors import FunctionNotAllowedError
from jobyard.store.data import PERFORM, is_pickled
from jobyard_worker.rqjobs.address import address_of
from jobyard_worker.rqjobs.ending import Journey, ending_of
from jobyard_worker.rqjobs.functions import EVERYTHING, Functions
from jobyard_worker.shift import Shift
from support.builders import build_claimed

PLAN = {"kind": "retrying", "delay_seconds": 5, "at_head": True, "fields": {"retries_left": "1"}}


@pytest.mark.parametrize(
    ("patterns", "name", "may"),
    [
        ((), "billing.total", False),
        ((), PERFORM, True),
        (EVERYTHING, "billing.total", True),
        (EVERYTHING, "eval", False),
        (EVERYTHING, "builtins.eval", False),
        (EVERYTHING, "os.system", False),
        (("os.system",), "os.system", True),
        (("billing.*",), "billing.jobs.total", True),
        (("billing.*",), "billingx.total", False),
        (("billing.total",), "billing.totals", False),
    ],
)
def test_a_name_is_judged_before_anything_is_imported(
    patterns: tuple[str, ...], name: str, may: bool
) -> None:
    functions = Functions(patterns)

    if may:
        functions.check_name(name)
    else:
        with pytest.raises(FunctionNotAllowedError, match="JOBYARD_RQ_FUNCTIONS"):
            functions.check_name(name)


@pytest.mark.parametrize("found", [os.system, eval, str.upper, os.path.join])
def test_what_a_name_led_to_is_judged_as_well(found: Any) -> None:
    with pytest.raises(FunctionNotAllowedError):
        Functions(("billing.*",)).check_found("billing.total", found)
    Functions(("billing.total",)).check_found("billing.total", found)


@pytest.mark.parametrize(
    ("journey", "kind", "more"),
    [
        ({"last": {"kind": "succeeded", "value": "é"}}, "succeeded", {"value": b"\xe9"}),
        ({"last": {"kind": "succeeded"}, "reason": "stopped"}, "succeeded", {}),
        ({"death": "died"}, "crashed", {"budget": 3}),
        ({"reason": "stopped", "about": {"retry": PLAN}}, "stopped", {}),
        ({"reason": "cancel"}, "canceled", {}),
        ({"reason": "timeout"}, "failed", {}),
        ({"reason": "timeout", "about": {"retry": PLAN}}, "retrying", {"delay_seconds": 5}),
        ({"reason": "killed", "about": {"retry": PLAN}}, "retrying", {"at_head": True}),
        ({"reason": "killed", "about": {"fields": {"a": "b"}}}, "failed", {"fields": {"a": "b"}}),
    ],
)
def test_what_the_end_of_a_horse_means(
    journey: dict[str, Any], kind: str, more: dict[str, Any]
) -> None:
    ending = ending_of(Journey(build_claimed("t"), 1.0, **journey), crash_budget=3)

    assert ending.kind == kind
    assert {name: getattr(ending, name) for name in more} == more


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "redis://user:p%40ss@store:6380/3",
        "redis://:secret@[::1]:6379/0",
        "rediss://store:6379/0?ssl_cert_reqs=none",
        "unix:///run/store.sock?db=2",
    ],
)
def test_the_address_of_a_connection_leads_to_the_same_server(url: str) -> None:
    connection = redis.Redis.from_url(url)

    again = redis.Redis.from_url(address_of(connection)["redis_url"])

    wanted = ("host", "port", "db", "username", "password", "path", "ssl_cert_reqs")
    theirs, ours = (client.connection_pool.connection_kwargs for client in (connection, again))
    for name in wanted:
        assert (ours.get(name) or None) == (theirs.get(name) or None), name
    assert again.connection_pool.connection_class is connection.connection_pool.connection_class


def test_the_files_of_tls_are_kept() -> None:
    connection = redis.Redis(ssl=True, ssl_ca_certs="/ca", ssl_certfile="/cert", ssl_keyfile="/key")

    address = address_of(connection)

    assert address == {
        "redis_url": "rediss://localhost:6379/0",
        "redis_ca": "/ca",
        "redis_cert": "/cert",
        "redis_key": "/key",
    }


def test_a_sentinel_stays_one() -> None:
    make: Any = Sentinel
    sentinel = make(
        [("a", 1), ("b", 2)], sentinel_kwargs={"password": "s"}, username="u", password="p", db=3
    )

    address = address_of(sentinel.master_for("main"))

    assert address == {"redis_url": "redis+sentinel://u:p@a:1,b:2/main/3?sentinel_password=s"}


def test_pickle_is_told_by_its_first_byte() -> None:
    assert is_pickled(b"\x80\x05")
    assert not is_pickled(b'["f",null,[],{}]')
    assert not is_pickled(b"x\x9cbroken")
    assert not is_pickled(b"")


def test_a_shift_ends_by_jobs_or_by_idleness() -> None:
    assert Shift().room(10, 3) is None
    assert Shift(max_jobs=5).room(finished=2, in_hand=1) == 2
    assert Shift(max_jobs=5).is_done(5)
    assert Shift(burst=True).is_idle_too_long(0)
    assert not Shift(max_idle_seconds=2).is_idle_too_long(1)
    assert not Shift().minds_idleness
