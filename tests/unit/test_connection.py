"""Opening the clients of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jobyard.connection import BLOCK_SECONDS, connect, connect_async, describe
from jobyard.errors import ConfigurationError
from jobyard.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def options(**settings: Any) -> dict[str, Any]:
    found: dict[str, Any] = connect(Settings.load(**settings)).connection_pool.connection_kwargs
    return found


def test_a_url_says_host_database_user_and_password() -> None:
    found = options(redis_url="redis://me:secret@host:1234/5")

    assert (found["host"], found["port"], found["db"]) == ("host", 1234, 5)
    assert (found["username"], found["password"]) == ("me", "secret")


def test_the_socket_waits_longer_than_a_blocking_read() -> None:
    assert options()["socket_timeout"] > BLOCK_SECONDS


def test_timeouts_are_the_settings() -> None:
    assert options(redis_timeout_seconds=1.5)["socket_timeout"] == 1.5


def test_tls_files_are_handed_over() -> None:
    found = options(redis_url="rediss://host/0", redis_ca="ca.pem", redis_cert="c", redis_key="k")

    assert (found["ssl_ca_certs"], found["ssl_certfile"], found["ssl_keyfile"]) == (
        "ca.pem",
        "c",
        "k",
    )


def test_a_stale_connection_is_repeated_once_and_no_more() -> None:
    assert options()["retry"].get_retries() == 1


def test_sentinels_are_asked_for_the_master() -> None:
    url = "redis+sentinel://me:pa%40ss@one:1,two/yard/3?sentinel_password=other"

    client = connect(Settings.load(redis_url=url))

    pool: Any = client.connection_pool
    sentinels = [s.connection_pool.connection_kwargs for s in pool.sentinel_manager.sentinels]
    assert pool.service_name == "yard"
    assert (pool.connection_kwargs["db"], pool.connection_kwargs["password"]) == (3, "pa@ss")
    assert [(s["host"], s["port"]) for s in sentinels] == [("one", 1), ("two", 26379)]
    assert sentinels[0]["password"] == "other"


def test_sentinels_have_a_password_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("one")
    (tmp_path / "sentinel").write_text("two")
    settings = Settings.load(
        redis_url="redis+sentinel://one/yard",
        redis_password_file=str(tmp_path / "store"),
        redis_sentinel_username="watch",
        redis_sentinel_password_file=str(tmp_path / "sentinel"),
    )

    pool: Any = connect(settings).connection_pool

    sentinel = pool.sentinel_manager.sentinels[0].connection_pool.connection_kwargs
    assert pool.connection_kwargs["credential_provider"].get_credentials() == ("one",)
    assert sentinel["credential_provider"].get_credentials() == ("watch", "two")


@pytest.mark.parametrize("door", [connect, connect_async])
def test_a_sentinel_that_is_gone_is_asked_once_and_briefly(door: Any) -> None:
    pool: Any = door(Settings.load(redis_url="redis+sentinel://one,two/yard")).connection_pool

    for client in pool.sentinel_manager.sentinels:
        found = client.connection_pool.connection_kwargs
        assert found["retry"].get_retries() == 0
        assert found["socket_timeout"] == found["socket_connect_timeout"] == 2.0


@pytest.mark.parametrize(
    "url", ["http://host", "host:6379", "redis+sentinel://host", "redis://host:port/0"]
)
@pytest.mark.parametrize("door", [connect, connect_async])
def test_a_url_that_cannot_be_read_is_explained(url: str, door: Any) -> None:
    with pytest.raises(ConfigurationError, match="JOBYARD_REDIS_URL"):
        door(Settings.load(redis_url=url))


def test_an_explanation_does_not_show_the_password() -> None:
    with pytest.raises(ConfigurationError) as caught:
        connect(Settings.load(redis_url="http://me:secret@host"))

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://me:secret@host:1/2", "redis://host:1/2"),
        ("unix:///run/valkey.sock", "unix:///run/valkey.sock"),
        ("nonsense", "nonsense"),
        ("me:secret@host:6379", "host:6379"),
    ],
)
def test_a_url_is_described_without_its_password(url: str, shown: str) -> None:
    assert describe(url) == shown
