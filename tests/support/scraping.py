"""What a service shows on its metrics port, read as Prometheus reads it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
from prometheus_client.parser import text_string_to_metric_families

from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric

    from support.processes import Service


class Samples:
    """The samples of one scrape, by name and labels."""

    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))
        self._values = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families
            for sample in family.samples
        }

    @property
    def ours(self) -> list[Metric]:
        """The families that the Prometheus client does not bring itself."""
        return [family for family in self.families if family.name.startswith("jobyard_")]

    def value(self, name: str, **labels: str) -> float | None:
        """The value of one series; None where there is none."""
        return self._values.get((name, frozenset(labels.items())))

    def of(self, name: str) -> list[dict[str, str]]:
        """The labels of each series of a metric."""
        return [dict(labels) for found, labels in self._values if found == name]

    def labels(self, names: Iterable[str]) -> set[str]:
        """All that is said of these labels, whatever the metric."""
        wanted = set(names)
        return {value for _, labels in self._values for name, value in labels if name in wanted}


def scrape(service: Service) -> Samples:
    """One scrape of a service that logs as JSON."""
    answer = httpx.get(f"http://127.0.0.1:{port_of(service)}/metrics")
    assert answer.status_code == 200, answer.text
    return Samples(answer.text)


def port_of(service: Service) -> int:
    """Where its log says that its metrics are."""
    return wait_for(lambda: _port_in(service.log()), 25.0, service.log)


def _port_in(log: str) -> int | None:
    lines = [line for line in log.splitlines() if '"metrics.started"' in line and line[-1] == "}"]
    return int(json.loads(lines[0])["port"]) if lines else None
