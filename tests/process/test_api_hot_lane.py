"""Hot routes over HTTP: the shortcut and the framework's way answer alike, whatever is sent.

A header that stands twice sends a request the framework's way.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jobyard_api.body import parse
from jobyard_api.json_size import Bounds

if TYPE_CHECKING:
    import httpx

    from support.servers import StoreServer

FRAMEWORKS_WAY = [("X-Twice", "1"), ("X-Twice", "2")]
ADD = {"task": "add", "payload": {"a": 2, "b": 3}}
OF_EACH_REQUEST = {"id", "created_at", "scheduled_for", "request_id"}

texts = st.sampled_from(["add", "nobody", "", "a b", "2030-01-01T00:00:00Z", "é:"])
numbers = st.sampled_from([0, 1, -1, 2**63 - 1, 2**63, 1.5])
words: st.SearchStrategy[Any] = texts | numbers | st.none() | st.just([]) | st.just({})
fields = st.sampled_from(["queue", "delay_seconds", "run_at", "timeout_seconds", "tags", "retry"])
orders = st.builds(
    lambda order, more: {**order, **more},
    st.fixed_dictionaries(
        {"task": st.just("add") | texts},
        optional={"payload": st.just({"a": 2, "b": 3}) | st.dictionaries(texts, words) | words},
    ),
    st.dictionaries(fields | st.just("unknown"), words, max_size=2),
)
bodies = (
    orders.map(lambda order: json.dumps(order).encode())
    | st.sampled_from([
        b"", b" ", b"null", b"[]", b"{", b'{"task": "add", "task": "add"}', b'{"task": NaN}',
        b'{"task": "add", "payload": {"a": 1e999, "b": 1}}', b'{"task": "\\ud800"}',
        b'{"task": "add", "payload": {"a": 1, "a": 2, "b": 3}}', b"[" * 40 + b"]" * 40,
        b'{"task": "add", "payload": {"a": 9223372036854775808, "b": 1}}', b'{"task": "\xff"}',
    ])
)  # fmt: skip
keys = st.sampled_from([None, "", '"', "a\tb", "k" * 300])
kinds = st.sampled_from(["application/json", "application/json; charset=utf-8", "text/plain", ""])


def post(
    api: httpx.Client, path: str, body: bytes, kind: str, key: str | None, *, twice: bool
) -> tuple[int, Any, list[str]]:
    """Status, body without what differs between any two requests, and names of headers."""
    headers = [("Content-Type", kind)] if kind else []
    headers += [] if key is None else [("Idempotency-Key", key)]
    headers += FRAMEWORKS_WAY if twice else []
    reply = api.post(path, content=body, headers=headers)
    return reply.status_code, without_own(reply.json()), sorted(reply.headers)


def without_own(answer: Any) -> Any:
    if isinstance(answer, dict):
        kept = {name: value for name, value in answer.items() if name not in OF_EACH_REQUEST}
        return {name: without_own(value) for name, value in kept.items()}
    return [without_own(each) for each in answer] if isinstance(answer, list) else answer


@given(body=bodies, kind=kinds, key=keys)
@example(body=json.dumps(ADD).encode(), kind="application/json", key=None)
@hypothesis_settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_submission_is_answered_alike_on_both_ways(
    api: httpx.Client, body: bytes, kind: str, key: str | None
) -> None:
    short = post(api, "/v1/jobs", body, kind, key, twice=False)

    assert short == post(api, "/v1/jobs", body, kind, key, twice=True)


@given(members=st.lists(orders | words, max_size=4))
@hypothesis_settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_batch_is_answered_alike_on_both_ways(api: httpx.Client, members: list[Any]) -> None:
    body = json.dumps({"jobs": members}).encode()

    short = post(api, "/v1/jobs/batch", body, "application/json", None, twice=False)

    assert short == post(api, "/v1/jobs/batch", body, "application/json", None, twice=True)


@pytest.mark.parametrize("more", [[], FRAMEWORKS_WAY], ids=["short", "frameworks"])
def test_a_body_that_comes_in_pieces_is_one_submission(
    api: httpx.Client, more: list[tuple[str, str]]
) -> None:
    pieces = (bytes([letter]) for letter in json.dumps(ADD).encode())

    reply = api.post(
        "/v1/jobs", content=pieces, headers=[("Content-Type", "application/json"), *more]
    )

    assert reply.status_code == 201, reply.text
    assert api.get(reply.headers["location"]).json()["id"] == reply.json()["id"]


@pytest.mark.parametrize("more", [[], FRAMEWORKS_WAY], ids=["short", "frameworks"])
def test_a_body_that_is_too_large_is_refused_on_both_ways(
    api: httpx.Client, more: list[tuple[str, str]]
) -> None:
    pieces = (b" " * 65_536 for _ in range(20))

    reply = api.post(
        "/v1/jobs", content=pieces, headers=[("Content-Type", "application/json"), *more]
    )

    assert (reply.status_code, reply.json()["code"]) == (413, "body-too-large")


def test_a_new_job_reads_as_the_stored_one(api: httpx.Client) -> None:
    order = {
        **ADD,
        "queue": "q",
        "tags": ["x", "é"],
        "delay_seconds": 60,
        "expires_at": "2031-01-01T00:00:00.5+02:00",
    }

    reply = api.post("/v1/jobs", json=order)

    created = parse(reply.content, Bounds())  # no key stands twice
    stored = api.get(reply.headers["location"]).json()
    about = ("created_at", "scheduled_for")  # by the API's clock and by the store's
    assert {**created, **{name: stored[name] for name in about}} == stored


def test_an_outage_is_a_problem_on_the_short_way_too(
    api: httpx.Client, server: StoreServer
) -> None:
    server.pause()
    try:
        reply = api.post("/v1/jobs", json=ADD)
    finally:
        server.resume()

    assert (reply.status_code, reply.json()["code"]) == (503, "store-unavailable")
