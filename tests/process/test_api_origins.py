"""Who is on the other side: other origins, proxies, and what HEAD and headers tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi import FastAPI, Request

from jobyard.errors import ConfigurationError
from jobyard_api.serving import Drain
from jobyard_api.settings import ApiSettings
from support.api_server import running_api, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.servers import StoreServer

OURS = "https://console.example:8443"
PREFLIGHT = {"Access-Control-Request-Method": "POST"}


@pytest.fixture(scope="module")
def open_api(session_server: StoreServer) -> Iterator[httpx.Client]:
    """An API whose answers pages of two origins may read."""
    origins = f"{OURS}, http://localhost:3000"
    with (
        running_api(session_server.url, cors_origins=origins) as base_url,
        httpx.Client(base_url=base_url) as http,
    ):
        yield http


def cors_headers(reply: httpx.Response) -> dict[str, str]:
    return {
        name: value for name, value in reply.headers.items() if name.startswith("access-control-")
    }


@pytest.mark.parametrize("origin", [OURS, "null", "http://127.0.0.1"])
def test_no_origin_reads_anything_unless_it_is_named(api: httpx.Client, origin: str) -> None:
    read = api.get("/v1/queues", headers={"Origin": origin})
    asked = api.options("/v1/jobs", headers={"Origin": origin, **PREFLIGHT})

    assert (read.status_code, cors_headers(read)) == (200, {})
    assert (asked.status_code, cors_headers(asked)) == (405, {})


def test_a_named_origin_reads_answers_and_errors(
    open_api: httpx.Client, server: StoreServer
) -> None:
    replies = [
        open_api.get(path, headers={"Origin": OURS}) for path in ("/v1/queues", "/v1/jobs/none")
    ]

    for reply in replies:
        assert reply.headers["access-control-allow-origin"] == OURS
        assert "Location" in reply.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in reply.headers
        assert "Origin" in reply.headers["vary"]


def test_a_named_origin_may_send_what_the_api_takes(
    open_api: httpx.Client, server: StoreServer
) -> None:
    reply = open_api.options("/v1/jobs", headers={"Origin": OURS, **PREFLIGHT})

    assert (reply.status_code, reply.content) == (204, b"")
    assert reply.headers["access-control-allow-origin"] == OURS
    assert "POST" in reply.headers["access-control-allow-methods"]
    allowed = reply.headers["access-control-allow-headers"]
    assert {"Authorization", "Content-Type", "Idempotency-Key"} <= set(allowed.split(", "))


@pytest.mark.parametrize(
    "origin",
    [
        "https://console.example",
        "https://x.console.example:8443",
        "http://localhost:3000.evil",
        "null",
        "",
    ],
)
def test_an_origin_that_only_looks_alike_reads_nothing(
    open_api: httpx.Client, server: StoreServer, origin: str
) -> None:
    read = open_api.get("/v1/queues", headers={"Origin": origin})
    asked = open_api.options("/v1/jobs", headers={"Origin": origin, **PREFLIGHT})

    assert (read.status_code, cors_headers(read)) == (200, {})
    assert "Origin" in read.headers["vary"]  # a cache must not give it to a page that may
    assert (asked.status_code, cors_headers(asked)) == (405, {})


@pytest.mark.parametrize(
    "value", ["*", "null", "console.example", "https://a.example/", "https://A.example", "ftp://a"]
)
def test_what_is_no_origin_stops_the_process_with_its_name(value: str) -> None:
    with pytest.raises(ConfigurationError, match="JOBYARD_CORS_ORIGINS"):
        ApiSettings.load(_env_file=None, cors_origins=value)


@pytest.mark.parametrize(
    "path", ["/v1/queues", "/v1/jobs/none", "/docs", "/livez", "/static/icon.svg"]
)
def test_head_is_get_without_content(api: httpx.Client, path: str) -> None:
    got, head = api.get(path), api.head(path)

    assert (head.status_code, head.content) == (got.status_code, b"")
    for name in ("content-type", "content-length", "content-security-policy"):
        assert head.headers.get(name) == got.headers.get(name)


def test_head_of_what_has_no_get_is_405(api: httpx.Client) -> None:
    reply = api.head("/v1/jobs/any/cancel")

    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


def test_every_answer_has_the_headers_that_keep_browsers_out(api: httpx.Client) -> None:
    for path in ("/v1/queues", "/none", "/docs", "/rq"):
        headers = api.get(path).headers

        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers


@pytest.mark.parametrize(
    ("trusted", "forwarded", "client"),
    [
        ("", "198.51.100.7", "127.0.0.1"),
        ("203.0.113.0/24", "198.51.100.7", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.0/8, 203.0.113.0/24", "192.0.2.1, 198.51.100.7, 203.0.113.9", "198.51.100.7"),
        ("127.0.0.1", "192.0.2.1, 198.51.100.7, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "192.0.2.1, 2001:db8::7", "2001:db8::7"),
        ("127.0.0.1", "", "127.0.0.1"),
    ],
)
def test_only_named_proxies_are_believed_and_of_hops_the_nearest_that_is_none(
    monkeypatch: pytest.MonkeyPatch, trusted: str, forwarded: str, client: str
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # the server's own; it must not be read
    headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"}
    is_believed = client != "127.0.0.1" or not forwarded

    with served(who_asks(), trusted_proxies=trusted) as base_url:
        seen = httpx.get(base_url, headers=headers).json()

    assert seen == {"client": client, "scheme": "https" if is_believed else "http"}


def who_asks() -> FastAPI:
    app = FastAPI()
    app.state.drain = Drain()

    @app.get("/")
    async def say(request: Request) -> dict[str, str]:
        assert request.client is not None
        return {"client": request.client.host, "scheme": request.url.scheme}

    return app


@pytest.mark.parametrize("value", ["*", "proxy", "10.0.0.1/8", "300.0.0.1"])
def test_what_is_no_proxy_stops_the_process_with_its_name(value: str) -> None:
    with pytest.raises(ConfigurationError, match="JOBYARD_TRUSTED_PROXIES"):
        ApiSettings.load(_env_file=None, trusted_proxies=value)
