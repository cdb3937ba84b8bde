"""Streams of events over a real store: what is told, from where on, and what a client misses."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from jobyard.api_keys import Scope
from jobyard.store import Store, calls, move_calls
from support.api_server import running_api
from support.builders import build_nonce, build_settlement, build_submission
from support.event_stream import EventStream, event_stream
from support.keys import make_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.servers import RawClient, StoreServer

WORKER = "w1"
EVENTS = "rq:yard:events:default"


@pytest.fixture
def api(server: StoreServer) -> Iterator[httpx.Client]:
    """A process of the API of the test's own: it remembers nothing of another test's store."""
    with running_api(server.url) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


@pytest.fixture
def other(server: StoreServer) -> Iterator[httpx.Client]:
    """Another process of the API."""
    with running_api(server.url) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


def submit(store: Store, *ids: str, **overrides: Any) -> None:
    store.run(calls.submit([build_submission(id=job_id, **overrides) for job_id in ids]))


def claim(store: Store, *queues: str) -> list[Any]:
    store.run(calls.join(WORKER, pool="p", slots=8, lease_seconds=60))
    return list(store.run(calls.claim(WORKER, build_nonce(), queues or ("default",), 100)).jobs)


def settle(store: Store, claimed: Any, kind: str = "succeeded", **overrides: Any) -> None:
    store.run(calls.settle(WORKER, [build_settlement(kind, claimed, **overrides)]))


def work(store: Store, *queues: str) -> None:
    """Runs all jobs that wait."""
    for claimed in claim(store, *queues):
        settle(store, claimed)


def whats(stream: EventStream, count: int) -> list[str]:
    return [event.what for event in stream.some(count)]


def cut(client: RawClient) -> None:
    """As if an hour had passed over a busy queue: its stream is trimmed to the last entry."""
    client.xtrim(EVENTS, maxlen=1, approximate=False)


# ---------------------------------------------------------------- one job


def test_a_job_is_followed_from_its_present_state_to_its_end(
    api: httpx.Client, store: Store
) -> None:
    submit(store, "j1", "j2")
    with event_stream(api, "/v1/jobs/j1/events") as stream:
        first = stream.next()
        work(store)
        rest = stream.rest()

    assert stream.response.headers["content-type"].startswith("text/event-stream")
    assert stream.response.headers["cache-control"] == "no-store"
    assert (first.kind, first.what) == ("state", "queued")
    assert [event.what for event in rest] == ["running", "succeeded"]
    assert {event.data["id"] for event in [first, *rest]} == {"j1"}
    assert {event.data["task"] for event in [first, *rest]} == {"noop"}
    assert stream.parser.retry_ms is not None


def test_the_present_state_is_not_told_twice(api: httpx.Client, store: Store) -> None:
    submit(store, "j1")
    [claimed] = claim(store)
    with event_stream(api, "/v1/events"), event_stream(api, "/v1/jobs/j1/events") as stream:
        settle(store, claimed, "retrying", delay_seconds=0)
        work(store)

        assert whats(stream, 4) == ["running", "queued", "running", "succeeded"]


def test_a_job_in_a_queue_that_is_new_is_followed_at_once(api: httpx.Client, store: Store) -> None:
    submit(store, "old")
    with event_stream(api, "/v1/jobs/old/events"):
        submit(store, "j1", queue="new")
        with event_stream(api, "/v1/jobs/j1/events") as stream:
            work(store, "new")

            assert whats(stream, 3) == ["queued", "running", "succeeded"]


@pytest.mark.parametrize("kind", ["succeeded", "failed", "canceled"])
def test_the_stream_of_a_job_that_has_ended_says_so_and_ends(
    api: httpx.Client, store: Store, kind: str
) -> None:
    submit(store, "j1")
    settle(store, claim(store)[0], kind)

    with event_stream(api, "/v1/jobs/j1/events") as stream:
        assert [event.what for event in stream.rest()] == [kind]


def test_who_has_seen_the_end_is_told_not_to_come_back(api: httpx.Client, store: Store) -> None:
    submit(store, "j1")
    work(store)
    with event_stream(api, "/v1/jobs/j1/events") as stream:
        last = stream.rest()[-1].id

    with event_stream(api, "/v1/jobs/j1/events", last) as stream:
        assert stream.response.status_code == 204


def test_a_job_that_is_queued_anew_can_be_followed_further(api: httpx.Client, store: Store) -> None:
    submit(store, "j1")
    settle(store, claim(store)[0], "failed")
    with event_stream(api, "/v1/jobs/j1/events") as stream:
        last = stream.rest()[-1].id
    store.run(move_calls.retry(["j1"], "nonce"))

    with event_stream(api, "/v1/jobs/j1/events", last) as stream:
        assert whats(stream, 1) == ["queued"]
        work(store)
        assert [event.what for event in stream.rest()] == ["running", "succeeded"]


def test_a_job_that_is_deleted_while_it_waits_ends_as_canceled(
    api: httpx.Client, store: Store
) -> None:
    submit(store, "j1")
    with event_stream(api, "/v1/jobs/j1/events") as stream:
        stream.next()
        store.run(move_calls.delete(["j1"]))

        assert [event.what for event in stream.rest()] == ["canceled"]


def test_progress_is_told(api: httpx.Client, store: Store) -> None:
    submit(store, "j1")
    [claimed] = claim(store)
    with event_stream(api, "/v1/jobs/j1/events") as stream:
        assert stream.next().data["progress"] is None
        store.run(calls.progress("j1", claimed.token, b'{"done":1}'))

        event = stream.next()
        assert (event.kind, event.data["progress"]) == ("progress", {"done": 1})
        with event_stream(api, "/v1/jobs/j1/events") as later:
            assert later.next().data["progress"] == {"done": 1}


def test_progress_that_is_too_long_for_an_event_is_told_all_the_same(
    api: httpx.Client, store: Store
) -> None:
    submit(store, "j1")
    [claimed] = claim(store)
    with event_stream(api, "/v1/jobs/j1/events") as stream:
        stream.next()
        store.run(calls.progress("j1", claimed.token, b'"%s"' % (b"x" * 5_000)))

        assert stream.next().data["progress"] == "x" * 5_000


def test_an_unknown_job_has_no_stream(api: httpx.Client) -> None:
    for job_id in ("nobody", "not an id"):
        reply = api.get(f"/v1/jobs/{job_id}/events")

        assert (reply.status_code, reply.json()["code"]) == (404, "job-not-found")


# ---------------------------------------------------------------- resuming


def test_a_client_that_drops_goes_on_where_it_was(
    api: httpx.Client, other: httpx.Client, store: Store
) -> None:
    submit(store, "j1", "j2")
    with event_stream(api, "/v1/jobs/j1/events") as stream:
        first = stream.next()
    [claimed, beside] = claim(store)
    settle(store, claimed, "retrying", delay_seconds=0)
    settle(store, beside)

    with event_stream(other, "/v1/jobs/j1/events", first.id) as stream:
        assert whats(stream, 2) == ["running", "queued"]
        work(store)
        assert [event.what for event in stream.rest()] == ["running", "succeeded"]


def test_a_client_that_drops_within_an_entry_gets_the_rest_of_it(
    api: httpx.Client, other: httpx.Client, store: Store
) -> None:
    with event_stream(api, "/v1/events") as stream:
        submit(store, "j1", "j2", "j3")
        seen = stream.some(2)

    with event_stream(other, "/v1/events", seen[-1].id) as stream:
        rest = stream.next()

    assert [event.data["id"] for event in [*seen, rest]] == ["j1", "j2", "j3"]


def test_a_client_goes_on_also_before_its_first_event(api: httpx.Client, store: Store) -> None:
    submit(store, "before")
    with event_stream(api, "/v1/events") as stream:
        next(stream._lines)  # `retry`, which comes before the id
        while not stream.parser.last_id:
            stream.parser.line(next(stream._lines))
    submit(store, "j1")

    with event_stream(api, "/v1/events", stream.parser.last_id) as stream:
        assert stream.next().data["id"] == "j1"


def test_a_feed_over_many_queues_goes_on_exactly(
    api: httpx.Client, other: httpx.Client, store: Store
) -> None:
    queues = [f"q{n}" for n in range(20)]
    for queue in queues:
        submit(store, f"old-{queue}", queue=queue)
    seen = []
    with event_stream(api, "/v1/events") as stream:
        for queue in queues:
            submit(store, f"a-{queue}", f"b-{queue}", queue=queue)
        seen += stream.some(27)
    for queue in queues:
        submit(store, f"c-{queue}", queue=queue)
    submit(store, "d-new", queue="new")

    with event_stream(other, "/v1/events", seen[-1].id) as stream:
        seen += stream.some(2 * 20 - 27 + 20 + 1)

    expected = [f"{letter}-{queue}" for letter in "abc" for queue in queues]
    assert sorted(event.data["id"] for event in seen) == sorted([*expected, "d-new"])
    for queue in queues:
        ids = [event.data["id"][0] for event in seen if event.data["queue"] == queue]
        assert ids == ["a", "b", "c"]


def test_a_client_that_comes_too_late_is_told_of_a_gap_and_of_the_present(
    api: httpx.Client, store: Store, client: RawClient
) -> None:
    submit(store, "j1")
    with event_stream(api, "/v1/jobs/j1/events") as stream:
        first = stream.next()
    [claimed] = claim(store)
    settle(store, claimed, "retrying", delay_seconds=0)
    cut(client)

    with event_stream(api, "/v1/jobs/j1/events", first.id) as stream:
        assert [event.kind for event in stream.some(2)] == ["gap", "state"]
        work(store)
        assert [event.what for event in stream.rest()] == ["running", "succeeded"]


def test_a_feed_that_comes_too_late_is_told_of_a_gap_and_goes_on(
    api: httpx.Client, store: Store, client: RawClient
) -> None:
    with event_stream(api, "/v1/events") as stream:
        submit(store, "j1")
        first = stream.next()
    submit(store, "j2")
    submit(store, "j3")
    cut(client)

    with event_stream(api, "/v1/events", first.id) as stream:
        assert stream.next().kind == "gap"
        submit(store, "j4")
        assert stream.next().data["id"] == "j4"


def test_a_store_that_lost_its_data_is_a_gap(
    api: httpx.Client, store: Store, client: RawClient
) -> None:
    with event_stream(api, "/v1/events") as stream:
        submit(store, "j1")
        stream.next()
        client.flushall()
        client.client_kill_filter(_type="normal", skipme=True)

        assert stream.next().what == "gap"
        submit(store, "j2")
        assert stream.next().data["id"] == "j2"


@pytest.mark.parametrize("path", ["/v1/events", "/v1/jobs/j1/events"])
@pytest.mark.parametrize(
    "last_id", ["x y", "-1", "1,default", "1,default:1", "1,%ff:1.1", "1," * 4000, "1,a:1.1.1.1"]
)
def test_what_is_no_id_of_an_event_is_refused(
    api: httpx.Client, store: Store, path: str, last_id: str
) -> None:
    submit(store, "j1")

    reply = api.get(path, headers={"Last-Event-ID": last_id})

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid-request")
    assert reply.json()["errors"][0]["header"].lower() == "last-event-id"


@pytest.mark.parametrize("last_id", ["0", "1", "zzzzzzzzz", "1,nowhere:1.1", "1,default:1.1"])
def test_an_id_that_stands_for_nothing_is_a_gap_or_the_past(
    api: httpx.Client, store: Store, last_id: str
) -> None:
    submit(store, "j1")

    with event_stream(api, "/v1/events", last_id) as stream:
        submit(store, "j2")
        first = stream.next()

    assert first.kind == "gap" or first.data["id"] in {"j1", "j2"}


# ---------------------------------------------------------------- all jobs


def test_a_feed_tells_of_all_jobs_from_now_on(api: httpx.Client, store: Store) -> None:
    submit(store, "before")
    with event_stream(api, "/v1/events") as stream:
        submit(store, "j1", queue="q1")
        submit(store, "j2", queue="q2")
        [claimed, *_] = claim(store, "q1")
        store.run(calls.progress("j1", claimed.token, b"0.5"))
        found = [(event.data["id"], event.what) for event in stream.some(4)]

    assert sorted(found) == [
        ("j1", "progress"), ("j1", "queued"), ("j1", "running"), ("j2", "queued"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"queue": "q2"}, ["b queued", "b running", "b succeeded"]),
        ({"task": "noop"}, ["a queued", "a running", "a succeeded"]),
        ({"tag": "red"}, ["b queued", "b running", "b succeeded"]),
        ({"state": "succeeded"}, ["a succeeded", "b succeeded"]),
        ({"state": ["queued", "running"], "queue": "q1"}, ["a queued", "a running"]),
    ],
    ids=str,
)
def test_a_feed_can_be_filtered(
    api: httpx.Client, store: Store, params: dict[str, Any], expected: list[str]
) -> None:
    submit(store, "before", queue="q2")
    work(store, "q2")
    with event_stream(api, "/v1/events", **params) as stream:
        submit(store, "a", queue="q1", tags=("blue",))
        submit(store, "b", queue="q2", task="other", tags=("red", "big"))
        work(store, "q1", "q2")
        found = stream.some(len(expected))

    assert sorted(f"{event.data['id']} {event.what}" for event in found) == expected


def test_the_lanes_of_a_queue_are_told_as_the_queue(api: httpx.Client, store: Store) -> None:
    with (
        event_stream(api, "/v1/events", queue="q") as whole,
        event_stream(api, "/v1/events", queue="q.high") as lane,
    ):
        submit(store, "j1", queue="q")
        submit(store, "j2", queue="q.high")
        found = {event.data["id"]: event.data for event in whole.some(2)}

        assert lane.next().data["id"] == "j2"
    assert [found[job]["queue"] for job in ("j1", "j2")] == ["q", "q"]
    assert [found[job]["priority"] for job in ("j1", "j2")] == ["normal", "high"]


def test_what_happened_to_a_job_that_is_deleted_by_now_is_told_by_its_tags(
    api: httpx.Client, store: Store
) -> None:
    with event_stream(api, "/v1/events", tag="red") as stream:
        submit(store, "j0", tags=("red",))
        first = stream.next()
    submit(store, "j1", tags=("red",))
    submit(store, "j2", tags=("blue",))
    store.run(move_calls.delete(["j1", "j2"]))

    with event_stream(api, "/v1/events", first.id, tag="red") as stream:
        assert [f"{e.data['id']} {e.what}" for e in stream.some(2)] == ["j1 queued", "j1 canceled"]


def test_a_filter_that_is_misspelt_is_refused(api: httpx.Client) -> None:
    assert api.get("/v1/events", params={"queues": "q"}).status_code == 422


def test_a_filtered_feed_tells_its_place_also_where_nothing_passes(
    store: Store, server: StoreServer
) -> None:
    with (
        running_api(server.url, events_heartbeat_seconds=0.05) as url,
        httpx.Client(base_url=url, timeout=30) as client,
        event_stream(client, "/v1/events", tag="rare") as stream,
    ):
        stream.until_comment()
        before = stream.parser.last_id
        submit(store, "j1")
        while stream.parser.last_id == before:
            stream.until_comment()


def test_a_silent_stream_sends_comments(store: Store, server: StoreServer) -> None:
    submit(store, "j1")
    with (
        running_api(server.url, events_heartbeat_seconds=0.05) as url,
        httpx.Client(base_url=url, timeout=30) as client,
        event_stream(client, "/v1/jobs/j1/events") as stream,
    ):
        stream.next()
        stream.until_comment()
        stream.until_comment()


def test_a_stream_ends_in_time_and_its_client_goes_on_in_another(
    store: Store, server: StoreServer
) -> None:
    limits = {"events_heartbeat_seconds": 0.05, "events_lifetime_seconds": 0.1}
    with (
        running_api(server.url, **limits) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        with event_stream(client, "/v1/events") as stream:
            assert stream.rest() == []
        submit(store, "j1")

        with event_stream(client, "/v1/events", stream.parser.last_id) as stream:
            assert [event.data["id"] for event in stream.rest()] == ["j1"]


# ---------------------------------------------------------------- tenants


def test_a_tenant_is_told_of_its_own_jobs_only(store: Store, server: StoreServer) -> None:
    with running_api(server.url, auth="required") as url, ExitStack() as closing:

        def client(tenant: str) -> httpx.Client:
            headers = {"Authorization": f"Bearer {make_key(server, tenant).text}"}
            found = httpx.Client(base_url=url, timeout=30, headers=headers)
            return closing.enter_context(found)

        acme, other, operator = client("acme"), client("other"), client("")
        streams = [
            closing.enter_context(event_stream(each, "/v1/events"))
            for each in (acme, other, operator)
        ]
        submit(store, "a1", "a2", tenant="acme")
        submit(store, "o1", tenant="other")
        submit(store, "n1")
        store.run(move_calls.delete(["a1", "o1"]))

        told = [
            [f"{event.data['id']} {event.what}" for event in stream.some(count)]
            for stream, count in zip(streams, (3, 2, 6), strict=True)
        ]
        assert told[0] == ["a1 queued", "a2 queued", "a1 canceled"]
        assert told[1] == ["o1 queued", "o1 canceled"]
        assert len(told[2]) == 6
        for path in ("/v1/jobs/a2/events", "/v1/jobs/a2/result?wait=30s"):
            assert (other.get(path).status_code, other.get(path).json()["code"]) == (
                404,
                "job-not-found",
            )
        with event_stream(acme, "/v1/jobs/a2/events") as stream:
            assert stream.next().what == "queued"


def test_who_may_not_see_payloads_is_not_told_progress(store: Store, server: StoreServer) -> None:
    submit(store, "j1")
    [claimed] = claim(store)
    store.run(calls.progress("j1", claimed.token, b'"secret"'))
    key = make_key(server, scopes=[Scope.JOBS_READ])
    with (
        running_api(server.url, auth="required") as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key.text}"}) as client,
        event_stream(client, "/v1/jobs/j1/events") as stream,
    ):
        event = stream.next()

    assert (event.data["progress"], event.data["withheld"]) == (None, True)
