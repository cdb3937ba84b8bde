"""The chart's own store lets in whom it names, each for what it does, and nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import redis

from jobyard.keys import Keys
from support.bundled_store import BundledStore
from support.chart import CHART
from support.processes import Services
from support.servers import Engine, binary_of
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = Keys()
BOOTSTRAP_KEY = "k" * 40
LENGTH_OF = """\
local kind = redis.call('type', KEYS[1]).ok
local verb = {zset='zcard', set='scard', list='llen', hash='hlen', none='llen'}
return redis.call(verb[kind], KEYS[1])
"""
"""What KEDA's redis trigger runs (``pkg/scalers/redis_scaler.go``)."""


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BundledStore]:
    with BundledStore(tmp_path_factory.mktemp("store")) as store:
        yield store


def refused(client: redis.Redis, *command: str) -> bool:
    try:
        client.execute_command(*command)  # type: ignore[no-untyped-call]
    except (redis.exceptions.NoPermissionError, redis.AuthenticationError):
        return True
    return False


def test_nobody_comes_without_a_name(bundled: BundledStore) -> None:
    with redis.Redis(port=bundled.port) as client:
        assert refused(client, "GET", "rq:x")


def test_the_application_has_its_own_keys_and_no_administration(bundled: BundledStore) -> None:
    with bundled.client("app") as client:
        assert client.set("rq:x", "1")
        assert client.info()["redis_version"]
        for command in (
            ["SET", "other", "1"],
            ["FLUSHALL"],
            ["CONFIG", "SET", "maxmemory", "1"],
            ["KEYS", "*"],
            ["ACL", "LIST"],
            ["SHUTDOWN"],
        ):
            assert refused(client, *command), command


def test_keda_reads_lengths_and_nothing_else(bundled: BundledStore) -> None:
    with bundled.client("app") as client:
        client.rpush(KEYS.queue("mail"), "a", "b")
        client.zadd(KEYS.busy("default"), {"w:0": 1})
        client.hset(KEYS.job("a"), "data", "private")

    with bundled.client("keda") as client:
        assert client.eval(LENGTH_OF, 1, KEYS.queue("mail")) == 2
        assert client.eval(LENGTH_OF, 1, KEYS.busy("default")) == 1
        assert client.eval(LENGTH_OF, 1, KEYS.registry("wip", "mail")) == 0
        assert refused(client, "HGETALL", KEYS.job("a"))
        assert refused(client, "LPUSH", KEYS.queue("mail"), "x")
        with pytest.raises(redis.ResponseError, match="no permissions to run"):
            client.eval("return redis.call('hgetall', KEYS[1])", 1, KEYS.job("a"))


def test_an_exporter_sees_figures_and_no_key(bundled: BundledStore) -> None:
    with bundled.client("exporter") as client:
        assert client.info()["used_memory"]
        assert refused(client, "LLEN", KEYS.queue("mail"))


def test_nothing_is_evicted_and_all_is_written_down(bundled: BundledStore) -> None:
    with bundled.client("exporter") as client:
        found: Any = client.config_get("maxmemory*")
        assert found["maxmemory-policy"] == "noeviction"
        assert found["maxmemory"] == str(384 * 1024 * 1024)
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("stream-node-max-bytes") == {"stream-node-max-bytes": "256"}


def test_a_new_password_counts_without_a_restart(bundled: BundledStore) -> None:
    bundled.set_password("exporter", "another")

    with bundled.client("exporter", "another") as client:
        wait_for(lambda: not refused(client, "PING"), 20, "the new password is not taken")
    with bundled.client("exporter") as client:
        assert refused(client, "PING")
    bundled.set_password("exporter", "exporter-secret")
    with bundled.client("exporter") as client:
        wait_for(lambda: not refused(client, "PING"), 20, "the old password is not taken again")


@pytest.mark.both_engines
def test_what_scripts_and_transactions_wrote_is_there_after_a_restart(
    engine: Engine, tmp_path: Path
) -> None:
    """Servers before Valkey 9 read transactions back as the user ``default``, with its rights."""
    if binary_of(engine) is None:
        pytest.skip(f"{engine}-server is not installed")
    with BundledStore(tmp_path, engine) as store:
        with store.client("app") as client:
            script = "redis.call('set', KEYS[1], 1); redis.call('set', KEYS[2], 2)"
            client.eval(script, 2, "rq:one", "rq:two")
            client.pipeline(transaction=True).set("rq:three", "3").set("rq:four", "4").execute()
            wait_for(lambda: client.info()["aof_pending_bio_fsync"] == 0, 20, "not on the disk")

        store.kill()
        store.start()

        with store.client("app") as client:
            names = ("rq:one", "rq:two", "rq:three", "rq:four")
            assert [client.get(name) for name in names] == [b"1", b"2", b"3", b"4"]
        assert "CRITICAL" not in store.log()


def test_the_probes_tell_a_store_that_is_there(bundled: BundledStore) -> None:
    assert bundled.ask("ready") == 0
    assert bundled.ask("alive") == 0


@pytest.fixture
def yard(bundled: BundledStore, tmp_path: Path) -> Iterator[Services]:
    """Starts services as the chart's pods come to this store."""
    key = tmp_path / "bootstrap-key"
    key.write_text(BOOTSTRAP_KEY)
    services = Services(
        tmp_path,
        {
            "JOBYARD_REDIS_URL": bundled.url,
            "JOBYARD_REDIS_USERNAME": "app",
            "JOBYARD_REDIS_PASSWORD_FILE": str(bundled.password_file("app")),
            "JOBYARD_BOOTSTRAP_KEY_FILE": str(key),
            "JOBYARD_API_PORT": "0",
            "JOBYARD_METRICS_PORT": "0",
            "JOBYARD_QUEUES": "default",
        },
    )
    yield services
    services.end()


def test_helm_test_passes_on_a_yard_of_this_store(yard: Services) -> None:
    api = yard.start("jobyard-api")
    started = [yard.start("jobyard-worker"), yard.start("jobyard-scheduler"), api]
    api.wait_for_log("api.started")
    url = next(line for line in api.log().splitlines() if "api.started" in line)
    port = url.partition("http://127.0.0.1:")[2].partition('"')[0]

    done = subprocess.run(
        [sys.executable, CHART / "files/submit_and_wait.py", f"http://127.0.0.1:{port}", "60"],
        env={**os.environ, "JOBYARD_API_KEY": BOOTSTRAP_KEY},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr + api.log()
    assert "its result is 5" in done.stdout
    assert not [each.log() for each in started if "NOPERM" in each.log()]
