"""Delete, retry and reschedule over HTTP, in the states that allow them and in all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jobyard.store import Store, calls
from support.builders import build_nonce, build_settlement

if TYPE_CHECKING:
    import httpx


def bring_into(api: httpx.Client, store: Store, state: str) -> str:
    """A job in this state; its id."""
    late = {"delay_seconds": 600} if state == "scheduled" else {}
    body = {"task": "echo", "queue": "q", **late}
    job_id: str = api.post("/v1/jobs", json=body).raise_for_status().json()["id"]
    if state not in {"queued", "scheduled"}:
        store.run(calls.join("w1", pool="p", slots=8, lease_seconds=60))
        [claimed] = store.run(calls.claim("w1", build_nonce(), ("q",), 100)).jobs
        if state != "running":
            store.run(calls.settle("w1", [build_settlement(state, claimed)]))
    return job_id


def path(job_id: str, verb: str) -> str:
    return f"/v1/jobs/{job_id}/{verb}"


@pytest.mark.parametrize("state", ["queued", "scheduled", "retrying", "succeeded", "failed"])
def test_a_job_that_does_not_run_is_deleted(api: httpx.Client, store: Store, state: str) -> None:
    job_id = bring_into(api, store, state)

    reply = api.delete(f"/v1/jobs/{job_id}")

    assert (reply.status_code, reply.content) == (204, b"")
    assert api.get(f"/v1/jobs/{job_id}").status_code == 404
    assert api.delete(f"/v1/jobs/{job_id}").status_code == 404


def test_a_job_that_runs_is_not_deleted(api: httpx.Client, store: Store) -> None:
    job_id = bring_into(api, store, "running")

    reply = api.delete(f"/v1/jobs/{job_id}")

    assert (reply.status_code, reply.json()["code"]) == (409, "job-running")
    assert reply.json()["state"] == "running"


@pytest.mark.parametrize("state", ["failed", "canceled"])
def test_a_job_that_did_not_succeed_is_queued_anew(
    api: httpx.Client, store: Store, state: str
) -> None:
    job_id = bring_into(api, store, state)

    reply = api.post(path(job_id, "retry"))

    assert (reply.status_code, reply.json()["state"]) == (200, "queued")
    assert reply.json()["attempts"] == 0
    assert len(api.get(path(job_id, "attempts")).json()["attempts"]) == 1


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("queued", "job-waiting"),
        ("scheduled", "job-waiting"),
        ("running", "job-running"),
        ("succeeded", "job-ended"),
    ],
)
def test_any_other_job_is_not_queued_anew(
    api: httpx.Client, store: Store, state: str, code: str
) -> None:
    job_id = bring_into(api, store, state)

    reply = api.post(path(job_id, "retry"))

    assert (reply.status_code, reply.json()["code"]) == (409, code)
    assert reply.json()["state"] == state


@pytest.mark.parametrize(
    ("due", "state"),
    [
        ({"run_at": "2031-05-06T12:00:00+02:00"}, "scheduled"),
        ({"delay_seconds": 60}, "scheduled"),
        ({"delay_seconds": 0}, "queued"),
        ({"run_at": "1999-01-01T00:00:00Z"}, "queued"),
    ],
    ids=str,
)
@pytest.mark.parametrize("before", ["queued", "scheduled"])
def test_a_job_that_waits_gets_another_time(
    api: httpx.Client, store: Store, before: str, due: dict[str, Any], state: str
) -> None:
    job_id = bring_into(api, store, before)

    reply = api.post(path(job_id, "reschedule"), json=due)

    assert (reply.status_code, reply.json()["state"]) == (200, state)
    if due.get("run_at", "").startswith("2031"):
        assert reply.json()["scheduled_for"] == "2031-05-06T10:00:00Z"


@pytest.mark.parametrize(("state", "code"), [("running", "job-running"), ("failed", "job-ended")])
def test_any_other_job_keeps_its_time(
    api: httpx.Client, store: Store, state: str, code: str
) -> None:
    job_id = bring_into(api, store, state)

    reply = api.post(path(job_id, "reschedule"), json={"delay_seconds": 1})

    assert (reply.status_code, reply.json()["code"]) == (409, code)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"delay_seconds": 1, "run_at": "2031-05-06T12:00:00Z"},
        {"delay_seconds": -1},
        {"delay_seconds": "1"},
        {"run_at": "2031-05-06"},
        {"run_at": "9999-01-01T00:00:00Z"},
        {"when": 1},
    ],
    ids=str,
)
def test_what_is_no_time_is_refused(api: httpx.Client, store: Store, body: Any) -> None:
    job_id = bring_into(api, store, "queued")

    reply = api.post(path(job_id, "reschedule"), json=body)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid-request")


@pytest.mark.parametrize("job_id", ["nobody", "not an id"])
def test_an_unknown_job_is_not_found(api: httpx.Client, job_id: str) -> None:
    replies = [
        api.delete(f"/v1/jobs/{job_id}"),
        api.post(path(job_id, "retry")),
        api.post(path(job_id, "reschedule"), json={"delay_seconds": 1}),
    ]

    assert {reply.json()["code"] for reply in replies} == {"job-not-found"}
