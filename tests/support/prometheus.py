"""A real Prometheus and its promtool, where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from monitoring.prometheus import arguments, configuration
from support.servers import free_port
from support.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from support.processes import Services

NAMESPACE = "yard"
_MISSING = "{} is not installed (apt-get install prometheus)"


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs promtool; skips the test where there is none."""
    return subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, check=False
    )


def program(name: str) -> str:
    """The path of ``prometheus`` or ``promtool``; without it the test skips, and fails on CI."""
    found = shutil.which(name)
    if found:
        return found
    reason = _MISSING.format(name)
    if os.environ.get("CI") == "true" and not os.environ.get("JOBYARD_ALLOW_NO_PROMETHEUS"):
        pytest.fail(f"{reason}; JOBYARD_ALLOW_NO_PROMETHEUS=1 skips these tests", pytrace=False)
    pytest.skip(reason)


class Prometheus:
    """Scrapes what ``targets`` lists, every ``interval``, with these rules; asked over HTTP."""

    def __init__(self, services: Services, targets: Path, rules: str, interval: str) -> None:
        directory = services.directory
        (directory / "rules.yaml").write_text(rules)
        config = directory / "prometheus.yaml"
        config.write_text(configuration(targets, directory / "rules.yaml", interval, NAMESPACE))
        port = free_port()
        self.service = services.start(
            program("prometheus"), *arguments(config, directory / "series", port)
        )
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        wait_for(self._is_ready, 60, self.service.log)

    def close(self) -> None:
        """Closes the client; the process ends with the other services."""
        self._http.close()

    def _is_ready(self) -> bool:
        try:
            return self._http.get("/-/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            assert self.service.is_running, self.service.log()
            return False

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an expression now, each with ``metric`` (its labels) and ``value``."""
        found: list[dict[str, Any]] = self._data("query", query=expression)["result"]
        return found

    def names(self) -> set[str]:
        """The names of all series that it has."""
        return set(self._data("label/__name__/values"))

    def labels(self, name: str) -> set[str]:
        """The labels of all series of a name."""
        every = self._data("series", **{"match[]": name})
        return {label for series in every for label in series}

    def families(self) -> set[str]:
        """What the targets say that they show, also where there is no value yet."""
        return set(self._data("metadata"))

    def rules(self) -> list[dict[str, Any]]:
        """All rules with their state: ``health``, ``lastError``, and ``alerts`` of alerts."""
        groups = self._data("rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def alerts(self, state: str) -> list[dict[str, Any]]:
        """The alerts that are ``pending`` or ``firing`` now, with labels and annotations."""
        alerts = self._data("alerts")["alerts"]
        return [alert for alert in alerts if alert["state"] == state]

    def _data(self, path: str, **parameters: str) -> Any:
        reply = self._http.get(f"/api/v1/{path}", params=parameters)
        assert reply.status_code == httpx.codes.OK, f"{parameters}: {reply.text}"
        return reply.json()["data"]
