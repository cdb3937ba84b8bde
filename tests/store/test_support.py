"""The tests' own tools: a server that can be killed, a ledger that notices, a service that ends."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import redis

from support.ledger import LEDGER_VARIABLE, Ledger, append
from support.processes import Service
from support.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from support.servers import StoreServer


def test_a_killed_durable_server_comes_back_with_its_data(durable_server: StoreServer) -> None:
    with durable_server.client() as client:
        client.set("kept", "yes")

        durable_server.restart()

        assert client.get("kept") == b"yes"


def test_a_paused_server_answers_after_it_is_resumed(server: StoreServer) -> None:
    with server.client(timeout_seconds=0.1) as client:
        server.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()

        server.resume()

        assert wait_for(client.ping)


def test_the_ledger_tells_repeats_and_missing_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    monkeypatch.setenv(LEDGER_VARIABLE, str(ledger.path))
    for event, job_id, token in (
        ("start", "a", "1"),
        ("start", "a", "2"),
        ("end", "a", "1"),
        ("end", "a", "2"),
        ("start", "b", "3"),
    ):
        append(event, job_id, token, 1)

    assert set(ledger.repeated()) == {"a"}
    assert ledger.overlapping() == {"a"}
    with pytest.raises(AssertionError, match="1 jobs never ended"):
        ledger.verify_complete(["a", "b"])


def test_ending_a_service_ends_the_orphans_it_left(tmp_path: Path) -> None:
    script = "import subprocess; subprocess.Popen(['sleep', '60'], start_new_session=True)"
    service = Service(sys.executable, {}, tmp_path, ["-c", script])
    service.wait()
    assert len(service.children()) == 1

    service.end()

    assert service.children() == []


def test_waiting_says_what_never_held() -> None:
    with pytest.raises(AssertionError, match="no sign"):
        wait_for(lambda: None, 0.02, "no sign")
