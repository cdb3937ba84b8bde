"""What a client may do to a connection: heads, framing, slowness. Nothing here is a 5xx."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from support.api_server import running_api
from support.rest import Rest
from support.waiting import wait_for
from support.wire import Wire, post

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import redis

    from support.processes import Services
    from support.servers import StoreServer

JOB = b'{"task":"echo"}'
HEAD = b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n"
NEXT = GET + b"\r\n"
RECEIVE_SECONDS = 1.0
SLOW_CLIENTS = 400

# Two servers on the way could see different requests in each of these.
AMBIGUOUS = [
    HEAD + b"Content-Length: 15\r\nContent-Length: 5\r\n\r\n" + JOB,
    HEAD + b"Content-Length: 15, 15\r\n\r\n" + JOB,
    HEAD + b"Content-Length: -15\r\n\r\n" + JOB,
    HEAD + b"Content-Length: +15\r\n\r\n" + JOB,
    HEAD + b"Content-Length: 99999999999999999999\r\n\r\n" + JOB,
    HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n" + JOB + b"\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nf\r\n" + JOB + b"\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: xchunked\r\n\r\nf\r\n" + JOB + b"\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\nf\r\n" + JOB + b"\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: identity, chunked\r\n\r\nf\r\n" + JOB + b"\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding : chunked\r\n\r\nf\r\n" + JOB + b"\r\n0\r\n\r\n",
    CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"f\r\n" + JOB + b"\r\n0\r\n\r\n",
    CHUNKED + b"0xf\r\n" + JOB + b"\r\n0\r\n\r\n",
    CHUNKED + b"ffffffffffffffffff\r\n" + JOB + b"\r\n0\r\n\r\n",
    CHUNKED + b"f\n" + JOB + b"\n0\n\n",
    CHUNKED + b"f\r\n" + JOB + b"x\r\n0\r\n\r\n",
    GET + b"Folded: a\r\n b\r\n\r\n",
    GET + b"Null: \0\r\n\r\n",
    GET.replace(b"\r\n", b"\n") + b"\n",
    GET + b"Host: other\r\n\r\n",
    b"GET /livez HTTP/1.1\r\n\r\n",
    b"GET /livez HTTP/2.0\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /livez\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]

TOO_LARGE = [
    (GET + b"A: %s\r\n\r\n" % (b"a" * 40_000), 431, "headers-too-large"),
    (GET + b"A: %s\r\n\r\n" % (b"a" * 5_000_000), 431, "headers-too-large"),
    (GET + b"A: b\r\n" * 101 + b"\r\n", 431, "headers-too-large"),
    (b"GET /%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % (b"a" * 9_000), 414, "url-too-long"),
    (b"GET /%s" % (b"a" * 5_000_000), 431, "headers-too-large"),
    (CHUNKED + b"f\r\n" + JOB + b"\r\n0\r\n" + b"T: t\r\n" * 5_000, 431, "headers-too-large"),
    (CHUNKED + b"f\r\n" + JOB + b"\r\n0\r\nT: " + b"t" * 5_000_000, 431, "headers-too-large"),
]

SLOW = [
    b"GET /livez HTT",
    HEAD + b"Content-Length: 15\r\n\r\n",
    HEAD + b"Content-Length: 15\r\n\r\n" + JOB[:10],
    CHUNKED + b"f\r\n" + JOB[:10],
]


@pytest.fixture(scope="module")
def impatient(session_server: StoreServer) -> Iterator[str]:
    """An API that waits for a second where it would wait for half a minute."""
    limits = {"receive_seconds": RECEIVE_SECONDS, "send_seconds": 1.0, "keep_alive_seconds": 1}
    with running_api(session_server.url, **limits) as base_url:
        yield base_url


def jobs(api: httpx.Client) -> list[object]:
    found: list[object] = api.get("/v1/jobs").json()["jobs"]
    return found


@pytest.mark.parametrize("request_", AMBIGUOUS, ids=lambda value: str(value[-48:]))
def test_what_could_be_read_in_two_ways_is_refused_and_ends_the_connection(
    api: httpx.Client, api_url: str, request_: bytes
) -> None:
    with Wire(api_url) as wire:
        wire.send(request_ + NEXT)
        reply = wire.reply()

        assert (reply.status, reply.code) == (400, "bad-request")
        assert reply.json()["request_id"] == reply.headers["x-request-id"]
        assert reply.headers["connection"] == "close"
        assert wire.is_closed()
    assert jobs(api) == []


@pytest.mark.parametrize(("head", "status", "code"), TOO_LARGE, ids=lambda value: str(value)[-40:])
def test_a_head_that_is_too_large_is_refused(
    api: httpx.Client, api_url: str, head: bytes, status: int, code: str
) -> None:
    with Wire(api_url) as wire:
        wire.send(head)
        reply = wire.reply()

        assert (reply.status, reply.code) == (status, code)
        assert wire.is_closed()
    assert jobs(api) == []


def test_a_head_within_the_bounds_is_read_also_in_pieces_behind_a_large_body(
    api: httpx.Client, api_url: str
) -> None:
    large = b'{"task": "echo", "payload": {"message": "%s"}}' % (b"a" * 200_000)
    head = GET + b"A: %s\r\n" % (b"a" * 30_000)

    with Wire(api_url) as wire:
        wire.send(post("/v1/jobs", large) + head)
        first = wire.reply()
        wire.send(b"\r\n")

        assert (first.status, wire.reply().status) == (201, 200)


@pytest.mark.parametrize(
    "framing",
    [
        b"Transfer-Encoding: chunked\r\n\r\nf;name=value\r\n" + JOB + b"\r\n0\r\nT: t\r\n\r\n",
        b"Transfer-Encoding:\tChunked\r\n\r\n1\r\n{\r\ne\r\n" + JOB[1:] + b"\r\n0\r\n\r\n",
        b"Content-Length: 15\r\n\r\n" + JOB,
    ],
)
def test_sound_framing_is_read_and_the_next_request_follows(
    api: httpx.Client, api_url: str, framing: bytes
) -> None:
    with Wire(api_url) as wire:
        wire.send(b"\r\n" + HEAD + framing + NEXT)

        assert [wire.reply().status, wire.reply().status] == [201, 200]


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 15\r\n\r\n" + JOB,
        b"Transfer-Encoding: chunked\r\n\r\nf\r\n" + JOB + b"\r\n0\r\n\r\n",
    ],
)
def test_an_offer_of_another_protocol_is_declined_and_the_body_is_read(
    api: httpx.Client, api_url: str, protocol: bytes, framing: bytes
) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAA\r\nUpgrade: " + protocol
    request = HEAD + offer + b"\r\n" + framing

    with Wire(api_url) as wire:
        wire.send(request[:-8])
        wire.send(request[-8:])
        reply = wire.reply()

        assert (reply.status, reply.headers["connection"]) == (201, "close")
        assert wire.is_closed()
    assert len(jobs(api)) == 1


def test_a_client_that_asks_first_is_told_to_go_on(api: httpx.Client, api_url: str) -> None:
    with Wire(api_url) as wire:
        wire.send(HEAD + b"Expect: 100-continue\r\nContent-Length: 15\r\n\r\n")
        asked = wire.reply()
        wire.send(JOB)

        assert (asked.status, wire.reply().status) == (100, 201)


def test_a_client_that_asks_first_is_refused_before_it_sends(
    api: httpx.Client, api_url: str
) -> None:
    with Wire(api_url) as wire:
        wire.send(HEAD + b"Expect: 100-continue\r\nContent-Length: 150000000\r\n\r\n")
        reply = wire.reply()

        assert (reply.status, reply.code) == (413, "body-too-large")
        assert reply.headers["connection"] == "close"
        assert wire.is_closed()


@pytest.mark.parametrize("beginning", SLOW, ids=str)
def test_a_request_that_does_not_arrive_in_time_is_told_so_and_cut(
    impatient: str, server: StoreServer, client: redis.Redis, beginning: bytes
) -> None:
    with Wire(impatient) as wire:
        wire.send(beginning)
        reply = wire.reply()

        assert (reply.status, reply.code) == (408, "request-timeout")
        assert reply.json()["retryable"]
        assert wire.is_closed()
    assert client.keys("rq:job:*") == []


def test_a_request_that_drips_is_cut_all_the_same(impatient: str, server: StoreServer) -> None:
    drops = iter(HEAD + b"A: " + b"a" * 10_000)

    with Wire(impatient) as wire:

        def drip() -> bool:
            wire.send(bytes([next(drops)]))
            return False

        with contextlib.suppress(ConnectionError):
            wait_for(drip, 60, interval_seconds=0.01)

        with contextlib.suppress(ConnectionError):
            assert wire.reply().status == 408
        assert next(drops, None) is not None


@pytest.mark.parametrize(
    "beginning", [b"", b"\r\n", NEXT, NEXT + b"\r\n", GET + b"Content-Length: 5\r\n\r\nab"], ids=str
)
def test_a_connection_without_a_request_is_closed_after_a_while(
    impatient: str, server: StoreServer, beginning: bytes
) -> None:
    with Wire(impatient) as wire:
        wire.send(beginning)
        if b"GET" in beginning:
            assert wire.reply().status == 200

        assert wire.is_closed()


def test_a_client_that_never_reads_is_cut(impatient: str, server: StoreServer) -> None:
    with httpx.Client(base_url=impatient) as http:
        message = {"task": "echo", "payload": {"message": "a" * 900_000}}
        path = http.post("/v1/jobs", json=message).headers["location"].encode()

    with Wire(impatient, receive_bytes=4_096) as wire:
        wire.send((b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % path) * 20)

        def is_cut() -> bool:
            with contextlib.suppress(BlockingIOError):
                wire.socket.send(b"x", socket.MSG_DONTWAIT)
            return False

        with pytest.raises(ConnectionError):
            wait_for(is_cut)


def test_hundreds_of_slow_clients_hold_nobody_up(
    services: Services, figure: Callable[[str, object], None]
) -> None:
    beginnings = [SLOW[number % len(SLOW)] for number in range(SLOW_CLIENTS)]

    with (
        Rest(services, JOBYARD_API_RECEIVE_SECONDS=5) as api,
        contextlib.ExitStack() as stack,
    ):
        api.submit("echo")
        base_url = f"http://127.0.0.1:{api.port}"
        quiet_bytes = api.service.peak_bytes
        wires = [stack.enter_context(Wire(base_url, 60)) for _ in beginnings]
        for wire, beginning in zip(wires, beginnings, strict=True):
            wire.send(beginning)

        began = time.perf_counter()
        served = [api.submit("echo")["state"] for _ in range(50)]
        figure("submit beside slow clients, ms", (time.perf_counter() - began) / 50 * 1000)
        replies = [wire.reply() for wire in wires]

        assert served == ["queued"] * 50
        assert {(reply.status, reply.code) for reply in replies} == {(408, "request-timeout")}
        assert all(wire.is_closed() for wire in wires)
        figure("memory of slow clients, kB each", (api.service.peak_bytes - quiet_bytes) / 400e3)
        assert api.submit("echo")["state"] == "queued"
