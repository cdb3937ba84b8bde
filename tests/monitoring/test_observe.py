"""`make observe` as somebody types it: it shows something, and Ctrl-C ends all of it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from support.processes import Services, clean_environment
from support.prometheus import program
from support.servers import free_port
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

HELM = str(Path(__file__).resolve().parents[2] / "helm")
START_SECONDS = 90.0


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """Starts commands with no server of ours behind them."""
    services = Services(tmp_path, {"PYTHONPATH": HELM})
    yield services
    services.end()


@pytest.mark.slow
def test_it_shows_a_yard_under_load_and_ctrl_c_ends_it(services: Services) -> None:
    program("prometheus")
    port, other = free_port(), free_port()
    options = ["--port", str(port), "--prometheus-port", str(other), "--workers", "1"]
    observe = services.start(sys.executable, "-m", "monitoring.observe", *options)
    url = f"http://127.0.0.1:{other}/api/v1/query"

    def jobs_a_second() -> bool:
        query = {"query": "sum(jobyard:jobs_completed:rate5m) > 0"}
        try:
            reply = httpx.get(url, params=query)
        except httpx.TransportError:
            assert observe.is_running, observe.log()
            return False
        is_ready = reply.status_code == httpx.codes.OK
        return is_ready and bool(reply.json()["data"]["result"])

    wait_for(jobs_a_second, START_SECONDS, observe.log, 0.2)
    assert re.search(rf"observe .*http://127\.0\.0\.1:{other}: ", observe.log())
    observe.send(signal.SIGINT)

    assert observe.wait(60) == 0
    assert observe.children() == []
    assert "Traceback" not in observe.log()


def test_without_prometheus_it_says_how_to_get_it(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "monitoring.observe"],
        cwd=tmp_path,
        env={**clean_environment(), "PYTHONPATH": HELM, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    assert "apt-get install prometheus" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []
