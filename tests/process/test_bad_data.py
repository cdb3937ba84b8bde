"""Bad data in the store: each piece harms itself alone, and is listed with what is wrong."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import pytest

from support.bad_data import GOOD_DATA, bomb, call_of, pickled, put, put_large, wait_in
from support.jobs import ended, submit
from support.rest import Rest
from support.waiting import wait_for
from support.workers import EXECUTORS, start_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import httpx

    from jobyard.store import Store
    from support.processes import Service, Services
    from support.servers import RawClient, StoreServer

MEGABYTE = 1024 * 1024
UNREADABLE = {
    "nothing": (b"", "is not JSON"),
    "garbage": (b"\xff\x00\xfe garbage", "is not JSON"),
    "truncated zlib": (zlib.compress(GOOD_DATA)[:-9], "cut short"),
    "garbled zlib": (b"x\x9c" + GOOD_DATA, "broken zlib"),
    "zlib of garbage": (zlib.compress(b"\xff\xfe"), "is not JSON"),
    "msgpack": (b"\x94\xa3add\xc0\x91\x01\x80", "is not JSON"),
    "half of its JSON": (GOOD_DATA[:-5], "is not JSON"),
    "JSON without end": (b"[" * 100_000, "is not JSON"),
    "an object": (b'{"task":"add"}', "is not RQ's"),
    "a number": (b"7", "is not RQ's"),
    "no function": (call_of(function=7), "is not RQ's"),
    "no task": (call_of(arguments=[]), "takes a task name"),
    "a task that is a number": (call_of(arguments=[7, {}]), "takes a task name"),
    "a payload that is a list": (call_of(arguments=["add", [1, 1]]), "takes a task name"),
    "a payload of wrong types": (call_of(arguments=["add", {"a": "x", "b": []}]), "/a"),
    "a zlib bomb": (bomb(100), "larger than"),
    "an unknown task": (call_of(arguments=["nowhere", {}]), "No task named 'nowhere'"),
}
"""Data → what is said of it."""

FOREIGN = {
    "another function": (call_of("billing.jobs.charge"), "JOBYARD_RQ_FUNCTIONS"),
    "eval": (call_of("eval", ["1"]), "JOBYARD_RQ_FUNCTIONS"),
    "os.system": (call_of("os.system", ["true"]), "JOBYARD_RQ_FUNCTIONS"),
}
"""Calls of plain RQ code that nobody has listed."""

MISTYPED: dict[str, tuple[dict[str, Any], str]] = {
    "a timeout that is a word": ({"timeout": "abc"}, "timeout"),
    "a timeout that is no number": ({"timeout": "nan"}, "timeout"),
    "a timeout without end": ({"timeout": "1e999"}, "timeout"),
    "a timeout of bytes": ({"timeout": b"\xff\xfe"}, "timeout"),
    "attempts that are a word": ({"attempts": "x"}, "attempts"),
    "attempts without end": ({"attempts": "9" * 400}, "attempts"),
    "attempts below zero": ({"attempts": "-1"}, "attempts"),
    "a retry policy that is not JSON": ({"retry": "not json"}, "retry"),
    "a retry policy of another shape": ({"retry": '{"max_retries":"many"}'}, "retry"),
}
"""Fields that say how a sound call is to be run."""

DESCRIPTIVE: dict[str, Any] = {
    "deliveries": "x", "result_ttl": "soon", "failure_ttl": b"\xff", "meta": "not json",
    "tags": "{", "created_at": "0001-01-01T00:00:00", "enqueued_at": "yesterday",
    "progress": b"\xff\xfe", "description": b"\xff\xfe",
}  # fmt: skip
"""Fields of a job that its run does not depend on."""


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """The file that unpickling would leave."""
    return tmp_path / "unpickled"


def pickles(trap: Path) -> dict[str, bytes]:
    plain = {f"pickle of protocol {number}": pickled(trap, number) for number in (0, 2, 5)}
    return plain | {"compressed pickle": zlib.compress(pickled(trap, 5))}


def put_each(
    store: Store, client: RawClient, cases: Iterable[tuple[str, dict[str, Any]]]
) -> tuple[dict[str, str], list[str]]:
    """Each record with a good job behind it: name → id, and the ids of the good ones."""
    bad, good = {}, []
    for name, fields in cases:
        bad[name] = put(client, store.keys, fields)
        good.append(submit(store, "add", {"a": 1, "b": 1}))
    return bad, good


def ours_and_plain(data: bytes) -> list[tuple[str, dict[str, Any]]]:
    """A record as we write it names its task; one of plain RQ code does not."""
    return [("ours", {"data": data, "task": "add"}), ("plain", {"data": data})]


def failures(api: httpx.Client, ids: dict[str, str], store: Store) -> dict[str, str]:
    """What the API says of each, once it has ended: state and error."""
    said = {}
    for name, job_id in ids.items():
        ended(store, job_id)
        job = api.get(f"/v1/jobs/{job_id}").raise_for_status().json()
        error = job["error"] or {"type": "", "message": ""}
        said[name] = f"{job['state']}: {error['type']}: {error['message']}"
    return said


def failed_ids(api: httpx.Client) -> set[str]:
    """All pages of the failed jobs."""
    found, token = set(), None
    while True:
        query = {"state": "failed", **({"page_token": token} if token else {})}
        page = api.get("/v1/jobs", params=query).raise_for_status().json()
        found |= {job["id"] for job in page["jobs"]}
        token = page["next_page_token"]
        if token is None:
            return found


def put_aside(api: httpx.Client) -> dict[str, str]:
    """What ``/v1/unreadable-records`` lists: id → reason."""
    found = api.get("/v1/unreadable-records").raise_for_status().json()["records"]
    return {record["id"]: record["reason"] for record in found}


def verify_well(worker: Service, store: Store, good: Iterable[str]) -> None:
    """The good jobs succeeded, once each, and nothing but jobs failed in the worker."""
    jobs = [ended(store, job_id) for job_id in good]
    assert {(job.state, job.result, job.attempts) for job in jobs} == {("succeeded", 2, 1)}
    assert worker.is_running
    assert "loop.failed" not in worker.log()
    assert '"level":"critical"' not in worker.log()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_data_that_cannot_be_read_fails_its_job_with_the_reason(
    services: Services, store: Store, client: RawClient, api: httpx.Client, executor: str
) -> None:
    cases = {
        f"{name}, {kind}": (fields, words)
        for name, (data, words) in UNREADABLE.items()
        for kind, fields in ours_and_plain(data)
    }
    bad, good = put_each(store, client, ((name, fields) for name, (fields, _) in cases.items()))

    worker = start_worker(services, executor)

    said = failures(api, bad, store)
    wrong = {name: said[name] for name, (_, words) in cases.items() if words not in said[name]}
    assert wrong == {}
    assert all(text.startswith("failed") for text in said.values())
    assert failed_ids(api) == set(bad.values())
    verify_well(worker, store, good)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_pickled_data_is_not_unpickled(  # noqa: PLR0917 - fixtures and one case
    services: Services,
    store: Store,
    client: RawClient,
    api: httpx.Client,
    trap: Path,
    executor: str,
) -> None:
    cases = {
        f"{name}, {kind}": fields
        for name, data in pickles(trap).items()
        for kind, fields in ours_and_plain(data)
    }
    bad, good = put_each(store, client, cases.items())

    worker = start_worker(services, executor)

    said = failures(api, bad, store)
    assert {name: text for name, text in said.items() if not text.startswith("failed")} == {}
    binary = {name: text for name, text in said.items() if "protocol 0" not in name}
    assert all("the record is pickled" in text for text in binary.values()), binary
    assert failed_ids(api) == set(bad.values())
    verify_well(worker, store, good)
    assert not trap.exists()


def test_a_function_that_nobody_listed_does_not_run(
    services: Services, store: Store, client: RawClient, api: httpx.Client
) -> None:
    cases = [(name, {"data": data}) for name, (data, _) in FOREIGN.items()]
    bad, good = put_each(store, client, cases)

    worker = start_worker(services)

    said = failures(api, bad, store)
    assert {name for name, (_, words) in FOREIGN.items() if words not in said[name]} == set()
    verify_well(worker, store, good)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_field_of_a_wrong_type_fails_its_job_and_names_the_field(
    services: Services, store: Store, client: RawClient, api: httpx.Client, executor: str
) -> None:
    sound = {"data": GOOD_DATA, "task": "add"}
    cases = [(name, {**sound, **fields}) for name, (fields, _) in MISTYPED.items()]
    bad, good = put_each(store, client, cases)

    worker = start_worker(services, executor)

    said = failures(api, bad, store)
    wrong = {
        name: said[name]
        for name, (_, field) in MISTYPED.items()
        if not said[name].startswith(f"failed: jobyard.errors.UnreadableJobError: its {field}")
    }
    assert wrong == {}
    assert failed_ids(api) == set(bad.values())
    verify_well(worker, store, good)


def test_a_field_that_only_describes_a_job_may_be_anything(
    services: Services, store: Store, client: RawClient, api: httpx.Client
) -> None:
    sound = {"data": GOOD_DATA, "task": "add"}
    odd, good = put_each(
        store, client, ((name, {**sound, name: value}) for name, value in DESCRIPTIVE.items())
    )

    worker = start_worker(services)

    verify_well(worker, store, [*odd.values(), *good])
    for job_id in odd.values():
        assert api.get(f"/v1/jobs/{job_id}").json()["result"] == 2


def test_what_is_no_record_is_put_aside_and_listed(
    services: Services, store: Store, client: RawClient, api: httpx.Client
) -> None:
    text, items, strange = "a-string", "a-list", b"\xff\xfe strange \x00 id"
    levitating, silent = (
        put(client, store.keys, {"data": GOOD_DATA, "status": status}) for status in ("up", "")
    )
    empty = put(client, store.keys, {"task": "add"})
    client.set(store.keys.job(text), "not a hash")
    client.rpush(store.keys.job(items), "not a hash")
    for job_id in (text, items, strange):
        wait_in(client, store.keys, job_id)
    good = [submit(store, "add", {"a": 1, "b": 1})]

    worker = start_worker(services)

    verify_well(worker, store, good)
    assert put_aside(api) == {
        text: "the job is not a hash",
        items: "the job is not a hash",
        strange.decode(errors="replace"): "the id is not one of RQ",
        levitating: "the job has no known status",
        silent: "the job has no known status",
        empty: "the job has no data",
    }
    assert failed_ids(api) == {empty}


def test_a_record_that_unpacks_to_gigabytes_costs_the_worker_no_memory(
    services: Services, store: Store, client: RawClient, figure: Callable[[str, object], None]
) -> None:
    bombs = [put(client, store.keys, {"data": bomb(2048), "task": "add"}) for _ in range(3)]
    good = [submit(store, "add", {"a": 1, "b": 1})]

    worker = start_worker(services)

    for job_id in bombs:
        error = ended(store, job_id).error
        assert error is not None
        assert "larger than" in error.message
    verify_well(worker, store, good)
    figure("zlib bombs of 2 GiB: peak of the worker, MB", worker.peak_bytes // MEGABYTE)
    assert worker.peak_bytes < 600 * MEGABYTE


def test_a_record_of_512_mb_is_refused_without_being_sent_to_anyone(
    services: Services, store: Store, server: StoreServer, figure: Callable[[str, object], None]
) -> None:
    with Rest(services) as rest:
        large = put_large(server, store.keys, {"task": "add"})
        good = [submit(store, "add", {"a": 1, "b": 1})]

        worker = start_worker(services)

        verify_well(worker, store, good)
        job = wait_for(lambda: (found := rest.job(large))["state"] == "failed" and found)
        assert "larger than" in job["error"]["message"]
        assert failed_ids(rest.http) == {large}
        assert put_aside(rest.http) == {large: job["error"]["message"]}
        for name, service in (("worker", worker), ("api", rest.service)):
            figure(f"a record of 512 MB: peak of the {name}, MB", service.peak_bytes // MEGABYTE)
            assert service.peak_bytes < 200 * MEGABYTE
