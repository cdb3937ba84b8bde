"""Hostile bodies on every route that takes one: refused, nothing stored, memory as it was."""

from __future__ import annotations

import contextlib
import gzip
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.rest import Rest
from support.wire import Wire, post

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import redis

    from support.processes import Services
    from support.wire import Reply

MEBIBYTE = 2**20
REFERENCE = Path(__file__).resolve().parents[2] / "docs/openapi.json"
JSON = "application/json"
CATALOGUE = (b"rq:yard:task", b"rq:yard:version")
ENDLESS_CHUNKS = 4_000


@dataclass(frozen=True, slots=True)
class Hostile:
    """A body, and what else about its request is wrong."""

    name: str
    body: bytes
    content_type: str = JSON
    encoding: str = ""


def job(payload: bytes) -> bytes:
    return b'{"task": "echo", "payload": {"message": %s}}' % payload


def hostile_bodies() -> list[Hostile]:
    million = b",".join(b'"%d":1' % number for number in range(1_000_000))
    thousands = b",".join(b'"%d":1' % number for number in range(95_000))
    bomb = gzip.compress(b" " * 100 * MEBIBYTE, 1)
    return [
        Hostile("NaN", job(b"NaN")),
        Hostile("many NaN", job(b"[" + b"NaN," * 90_000 + b"1]")),
        Hostile("-Infinity", job(b"-Infinity")),
        Hostile("1e999", job(b"1e999")),
        Hostile("a number of 900 000 digits", job(b"1" * 900_000)),
        Hostile("a lone surrogate", job(rb'"\ud800"')),
        Hostile("many lone surrogates", job(b"[" + rb'"\udfff",' * 90_000 + b"1]")),
        Hostile("a lone surrogate in a key", job(rb'{"\udc00": 1}')),
        Hostile("a key twice", job(b'{"a": 1, "a": 1}')),
        Hostile("keys twice in many objects", job(b"[" + b'{"a":1,"a":1},' * 30_000 + b"1]")),
        Hostile("lists to depth 10^5", b"[" * 100_000),
        Hostile("objects to depth 10^5", b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        Hostile("depth 10^5 in a payload", job(b"[" * 100_000 + b"]" * 100_000)),
        Hostile("10^6 keys", b"{" + million + b"}"),
        Hostile("as many keys as fit", b'{"task": "add", "payload": {' + thousands + b"}}"),
        Hostile("500 000 empty lists", job(b"[" + b"[]," * 250_000 + b"[]]")),
        Hostile("gzip bomb", bomb, encoding="gzip"),
        Hostile("gzip bomb under another name", bomb),
        Hostile("truncated", job(b'"a"')[:-3]),
        Hostile("truncated in 900 000 bytes", job(b'"' + b"a" * 900_000)),
        Hostile("UTF-16", job(b'"a"').decode().encode("utf-16")),
        Hostile("Latin-1", job('"ä"'.encode("latin-1"))),
        Hostile("another charset", job(b'"a"'), content_type=f"{JSON}; charset=utf-16"),
        Hostile("a form", b"task=echo", content_type="application/x-www-form-urlencoded"),
        Hostile("BOM", b"\xef\xbb\xbf" + job(b'"a"')),
        Hostile("nothing", b""),
        Hostile("zeros", b"\0" * 1_000),
        Hostile("100 MB", job(b'"' + b"a" * 100_000_000 + b'"')),
    ]


def paths_of_posts(*, with_body: bool) -> list[str]:
    """Every POST of the OpenAPI document, its parameters filled in."""
    paths = json.loads(REFERENCE.read_text())["paths"]
    found = [path for path, methods in paths.items() if "post" in methods]
    return [
        re.sub(r"{\w+}", "any", path)
        for path in found
        if ("requestBody" in paths[path]["post"]) == with_body
    ]


def stored(client: redis.Redis) -> set[bytes]:
    """Keys in the store, without those of the catalogue."""
    keys = {key for key in client.scan_iter("*") if isinstance(key, bytes)}
    return {key for key in keys if not key.startswith(CATALOGUE)}


def send(api: Rest, path: str, hostile: Hostile) -> Reply:
    """Sends as a client that may be refused before it has sent all."""
    kind, encoding = hostile.content_type.encode(), hostile.encoding.encode()
    more = [b"Content-Encoding: " + encoding] if encoding else []
    mark = re.sub("[^a-z0-9]+", "-", hostile.name.lower()).encode()
    with Wire(base_url_of(api)) as wire:
        with contextlib.suppress(ConnectionError):
            named = b"X-Request-ID: hostile:%s:%s" % (mark, path.encode())
            wire.send(post(path, hostile.body, named, *more, content_type=kind))
        return wire.reply()


def base_url_of(api: Rest) -> str:
    return f"http://127.0.0.1:{api.port}"


def seconds_in_server(log: str) -> dict[str, float]:
    """For each request id that was refused, how long the application had the request."""
    lines = [json.loads(line) for line in log.splitlines() if '"http.request"' in line]
    return {line["request_id"]: line["duration_ms"] / 1000 for line in lines}


@pytest.mark.parametrize("max_body_bytes", [MEBIBYTE, 16 * MEBIBYTE])
def test_hostile_bodies_are_refused_on_every_post_and_leave_nothing(
    services: Services,
    client: redis.Redis,
    figure: Callable[[str, object], None],
    max_body_bytes: int,
) -> None:
    with Rest(services, JOBYARD_MAX_BODY_BYTES=max_body_bytes) as api:
        largest = Hostile("as large as allowed", job(b'"%s"' % (b"a" * 900_000)))
        assert send(api, "/v1/jobs", largest).status == 201
        before, quiet_bytes = stored(client), api.service.peak_bytes
        for hostile in hostile_bodies():
            for path in paths_of_posts(with_body=True):
                reply = send(api, path, hostile)

                assert 400 <= reply.status < 500, (path, hostile.name, reply)
                assert reply.code, (path, hostile.name, reply)
                assert stored(client) == before, (path, hostile.name)
        grown = api.service.peak_bytes - quiet_bytes
        api.service.term()
        api.service.wait()

    took = seconds_in_server(api.service.log())
    slowest = max((name for name in took if name.startswith("hostile:")), key=lambda n: took[n])
    limit = f"{max_body_bytes // MEBIBYTE} MiB allowed"
    figure(f"slowest refusal, {limit}, ms ({slowest})", took[slowest] * 1000)
    figure(f"memory grown, {limit}, MiB", grown / MEBIBYTE)
    assert grown < 64 * MEBIBYTE + 8 * max_body_bytes


def test_a_route_without_a_body_does_not_read_the_hostile_one_it_gets(services: Services) -> None:
    with Rest(services) as api:
        quiet_bytes = api.service.peak_bytes
        for path in paths_of_posts(with_body=False):
            for hostile in hostile_bodies():
                assert send(api, path, hostile).status < 500, (path, hostile.name)

        assert api.service.peak_bytes - quiet_bytes < 64 * MEBIBYTE


def test_chunks_without_an_end_are_refused_and_leave_nothing(
    services: Services, client: redis.Redis
) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(ENDLESS_CHUNKS):
            yield b" " * 16_384

    with Rest(services) as api:
        api.submit("echo")
        before = stored(client)
        for path in paths_of_posts(with_body=True):
            reply = api.http.post(path, content=endless(), headers={"Content-Type": JSON})

            assert (reply.status_code, reply.json()["code"]) == (413, "body-too-large")
            assert stored(client) == before, path


def test_a_body_that_stops_in_the_middle_leaves_nothing(
    services: Services, client: redis.Redis
) -> None:
    with Rest(services, JOBYARD_API_RECEIVE_SECONDS=1) as api:
        api.submit("echo")
        before = stored(client)
        for path in paths_of_posts(with_body=True):
            request = post(path, job(b'"a"'))[:-5]
            with Wire(base_url_of(api)) as wire, Wire(base_url_of(api)) as hung_up:
                hung_up.send(request)
                hung_up.hang_up()
                wire.send(request)

                assert wire.reply().code == "request-timeout", path
                assert hung_up.is_closed()
        assert stored(client) == before


def test_every_post_is_among_them() -> None:
    known: set[Any] = {"/v1/jobs", "/v1/jobs/batch", "/submit-job", "/job"}

    assert known <= set(paths_of_posts(with_body=True))
    assert "/v1/jobs/any/cancel" in paths_of_posts(with_body=False)
