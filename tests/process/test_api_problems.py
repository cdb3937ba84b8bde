"""Errors are problems on every path and with every method, and say which trace they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")
NOWHERE = (
    "/nope", "/v1", "/v1/", "/v1/nope", "/v1/jobs/", "/v1/jobs/x/nope",
    "/static/nope.js", "/static/", "/static/%2e%2e/main.py", "/docs/assets/nope", "/rq/nope",
    "/%2e%2e/etc/passwd",
)  # fmt: skip


def assert_problem(reply: httpx.Response, status: int, code: str) -> None:
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    if reply.request.method == "HEAD":
        assert reply.content == b""
        return
    problem = reply.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == reply.headers["x-request-id"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", NOWHERE)
def test_what_is_not_there_is_a_problem(api: httpx.Client, method: str, path: str) -> None:
    reply = api.request(method, path)

    if path.startswith(("/static", "/docs/assets")) and method not in {"GET", "HEAD"}:
        assert_problem(reply, 405, "method-not-allowed")  # whether the file is there or not
    else:
        assert_problem(reply, 404, "path-not-found")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/jobs", "GET, POST"),
        ("/v1/jobs/batch", "GET, POST"),
        ("/v1/queues", "GET"),
        ("/v1/queues/default/pause", "POST"),
        ("/v1/workers/w/drain", "POST"),
        ("/v1/tasks/add/schema", "GET"),
        ("/livez", "GET"),
        ("/submit-job", "POST"),
        ("/openapi.json", "GET, HEAD"),
        ("/static/icon.svg", "GET, HEAD"),
        ("/docs/assets/swagger-ui.css", "GET, HEAD"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "TRACE", "OPTIONS"])
def test_another_method_is_a_problem_that_names_all_that_are_taken(
    api: httpx.Client, path: str, allowed: str, method: str
) -> None:
    reply = api.request(method, path)

    assert_problem(reply, 405, "method-not-allowed")
    named = set(reply.headers["allow"].split(", "))
    assert set(allowed.split(", ")) <= named, "and what comes to be taken"
    assert method not in named


@pytest.mark.parametrize("range_", ["bytes=0-3", "bytes=9999999-", "nonsense", "bytes=3-1"])
def test_a_file_is_sent_whole_whatever_range_is_asked_for(api: httpx.Client, range_: str) -> None:
    reply = api.get("/static/icon.svg", headers={"Range": range_})

    assert reply.status_code == 200
    assert reply.content.endswith(b"</svg>\n")


@pytest.mark.parametrize("path", ["/nope", "/v1/jobs/nope", "/v1/queues/nope", "/static/nope"])
def test_the_trace_of_a_request_is_in_its_problem(api: httpx.Client, path: str) -> None:
    reply = api.get(path, headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})

    assert reply.json()["trace_id"] == TRACE


@pytest.mark.parametrize(
    "header",
    [
        f"01-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-00-what-a-later-version-adds",
    ],
)
def test_a_header_of_a_later_version_is_read_as_well(api: httpx.Client, header: str) -> None:
    reply = api.get("/nope", headers={"traceparent": header})

    assert reply.json()["trace_id"] == TRACE


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"cc-{TRACE}-{SPAN}-01x",
    ],
)
def test_a_malformed_header_is_left_aside(api: httpx.Client, header: str) -> None:
    reply = api.get("/nope", headers={"traceparent": header})

    assert "trace_id" not in reply.json()


def test_two_headers_are_as_good_as_none(api: httpx.Client) -> None:
    header = f"00-{TRACE}-{SPAN}-01"

    reply = api.get("/nope", headers=[("traceparent", header), ("traceparent", header)])

    assert "trace_id" not in reply.json()
