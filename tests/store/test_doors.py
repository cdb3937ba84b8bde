"""The ways to a server: an ACL user with the keys of one prefix only, TLS, and Sentinel."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
import redis
import trustme

from jobyard.connection import connect, connect_async
from jobyard.errors import StoreUnavailableError
from jobyard.settings import Settings
from jobyard.store import Store, calls
from jobyard.store.records.submission import SubmitStatus
from support.builders import build_nonce, build_settlement, build_submission, build_task_record
from support.sentinel import sentinel, sentinel_url
from support.servers import Engine, StoreServer, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKER = "worker-1"
BRIEF_SECONDS = 0.2


def test_an_acl_user_needs_the_keys_of_the_prefix_only(server: StoreServer) -> None:
    with server.client() as client:
        client.acl_setuser("yard", enabled=True, passwords=["+secret"], keys=["rq:*"],
                           categories=["+@all", "-@dangerous", "-@admin"])  # fmt: skip
    url = server.url.replace("redis://", "redis://yard:secret@")

    with open_store(url) as store:
        run_every_call(store)
        with pytest.raises(redis.exceptions.NoPermissionError):
            store.client.get("foreign")


def test_a_wrong_password_says_that_the_store_refuses(server: StoreServer) -> None:
    with server.client() as client:
        client.acl_setuser("yard", enabled=True, passwords=["+secret"], keys=["rq:*"])
    url = server.url.replace("redis://", "redis://yard:wrong@")

    with open_store(url) as store, pytest.raises(StoreUnavailableError, match="refuses"):
        store.ping()


def test_a_password_that_changes_needs_no_restart(server: StoreServer, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    with (
        server.client() as client,
        open_store(server.url, redis_username="yard", redis_password_file=str(file)) as store,
    ):
        client.acl_setuser("yard", enabled=True, passwords=["+first"], keys=["rq:*"],
                           categories=["+@all"])  # fmt: skip
        store.ping()

        client.acl_setuser("yard", enabled=True, passwords=["-first", "+second"])
        store.client.connection_pool.disconnect()
        with pytest.raises(StoreUnavailableError):
            store.ping()
        file.write_text("second\n")
        store.ping()


async def ping_async(settings: Settings) -> bool:
    async with connect_async(settings) as client:
        return bool(await client.ping())


def test_the_asynchronous_client_reads_the_password_file_too(
    server: StoreServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "password"
    file.write_text("secret")
    with server.client() as client:
        client.acl_setuser("yard", enabled=True, passwords=["+secret"], commands=["+ping"])

    settings = Settings.load(
        redis_url=server.url, redis_username="yard", redis_password_file=str(file)
    )

    assert asyncio.run(ping_async(settings))
    assert not caplog.records


def test_a_password_file_that_is_not_there_is_a_store_that_is_away(
    server: StoreServer, tmp_path: Path
) -> None:
    missing = str(tmp_path / "missing")

    with (
        open_store(server.url, redis_password_file=missing) as store,
        pytest.raises(StoreUnavailableError, match="cannot read the store's password"),
    ):
        store.ping()


def test_tls_with_a_private_authority(engine: Engine, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    port = free_port()
    options = {
        "tls-port": str(port),
        "tls-cert-file": str(tmp_path / "cert.pem"),
        "tls-key-file": str(tmp_path / "key.pem"),
        "tls-ca-cert-file": str(tmp_path / "ca.pem"),
        "tls-auth-clients": "no",
    }
    with tls_server(engine, options):
        url = f"rediss://127.0.0.1:{port}/0"
        with open_store(url, redis_ca=str(tmp_path / "ca.pem")) as store:
            run_every_call(store)
        with open_store(url) as stranger, pytest.raises(StoreUnavailableError):
            stranger.ping()


def test_sentinel_names_the_primary(server: StoreServer, tmp_path: Path) -> None:
    with sentinel(server, tmp_path) as port:
        with open_store(sentinel_url(port)) as store:
            run_every_call(store)
        with server.client() as client:
            assert client.exists(store.keys.queue("default"))


def test_an_answer_that_comes_late_is_nobody_elses(server: StoreServer, tmp_path: Path) -> None:
    """Behind Sentinel the client keeps a connection whose answer it has given up."""
    with sentinel(server, tmp_path) as port, server.client() as client:
        url = sentinel_url(port)
        with open_store(url, redis_timeout_seconds=BRIEF_SECONDS) as store:
            store.run(calls.queues())
            client.client_pause(60_000, all=False)
            with pytest.raises(StoreUnavailableError):
                store.run(calls.join(WORKER, pool="default", slots=1, lease_seconds=30))
            client.client_unpause()

            assert store.run(calls.queues()) == []
            assert store.run(calls.published_tasks()) == []


def run_every_call(store: Store) -> None:
    """Each kind of key once: submit, claim, settle, cancel, promote, reap, prune, read, list."""
    jobs = [build_submission(), build_submission(), build_submission(delay_seconds=60)]
    stored = store.run(calls.submit(jobs))
    assert {job.status for job in stored} == {SubmitStatus.CREATED}
    store.run(calls.join(WORKER, pool="default", slots=1, lease_seconds=30))
    [first] = store.run(calls.claim(WORKER, build_nonce(), ["default"], 1)).jobs
    store.run(calls.settle(WORKER, [build_settlement("succeeded", first)]))
    [second] = store.run(calls.claim(WORKER, build_nonce(), ["default"], 1)).jobs
    store.run(calls.release(WORKER, [(second.id, second.token)]))
    store.run(calls.renew(WORKER, lease_seconds=30, busy=1))
    store.run(calls.cancel([jobs[2].id]))
    store.run(calls.promote())
    store.run(calls.reap(lease_seconds=30))
    store.run(calls.prune())
    store.run(calls.publish_tasks([TASK]))
    assert store.run(calls.published_tasks()) == [TASK]
    assert store.run(calls.read(first.id)) is not None
    assert len(store.run(calls.list_jobs("default")).jobs) == len(jobs)
    assert [queue.name for queue in store.run(calls.queues())] == ["default"]
    store.run(calls.workers())
    store.run(calls.journal("notes"))
    assert store.listen(["default"], 0.5)
    store.run(calls.leave(WORKER))


TASK = build_task_record()


@contextmanager
def open_store(url: str, **overrides: object) -> Iterator[Store]:
    settings = Settings.load(redis_url=url, _env_file=None, **overrides)
    store = Store(connect(settings), settings.keys)
    yield store
    store.close()


@contextmanager
def tls_server(engine: Engine, options: dict[str, str]) -> Iterator[StoreServer]:
    server = StoreServer(engine, options=options)
    with ExitStack() as closing:
        closing.callback(server.close)
        try:
            server.start()
        except AssertionError:
            if "tls" in server.log().lower():
                pytest.skip(f"this build of {engine} has no TLS")
            raise
        yield server
