"""Every setting that the chart sets is one that its service reads, with a value that it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import AliasChoices

from jobyard_api.settings import ApiSettings
from jobyard_scheduler.settings import SchedulerSettings
from jobyard_worker.settings import WorkerSettings
from support.chart import Object, Release, environment_of, render
from support.chart_cases import CASES

if TYPE_CHECKING:
    from jobyard.settings import Settings

SERVICES: dict[str, type[Settings]] = {
    "api": ApiSettings,
    "scheduler": SchedulerSettings,
    "worker": WorkerSettings,
}
OTHERS = {"POD_NAME", "POD_NAMESPACE", "PYTHONPATH", "EXTRA", "TZ"}


def pods(release: Release) -> list[tuple[str, Object]]:
    """The pods of ours with the name of their service."""
    found = ((each["metadata"]["name"], each["spec"]["template"]) for each in deployments(release))
    return [(pod["spec"]["containers"][0]["name"], pod) for _, pod in found]


def deployments(release: Release) -> list[Object]:
    return release.of("Deployment")


def variables(settings: type[Settings]) -> set[str]:
    """The environment variables that a service reads."""
    aliases = (field.validation_alias for field in settings.model_fields.values())
    return {
        str(choice).upper()
        for alias in aliases
        if isinstance(alias, AliasChoices)
        for choice in alias.choices
    }


@pytest.mark.parametrize("case", CASES)
def test_services_read_what_the_chart_sets(case: str) -> None:
    for service, pod in pods(render(CASES[case])):
        given = {name for name in environment_of(pod) if not name.startswith("OTEL_")}
        assert given - OTHERS <= variables(SERVICES[service]), service


@pytest.mark.parametrize("case", CASES)
def test_services_take_the_values(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for service, pod in pods(render(CASES[case])):
        given: dict[str, Any] = environment_of(pod)
        with monkeypatch.context() as environment:
            environment.setenv("KUBERNETES_SERVICE_HOST", "198.51.100.1")
            for name, value in given.items():
                environment.setenv(name, value if isinstance(value, str) else "from-the-cluster")
            found = SERVICES[service].load(_env_file=None)
            assert found.model_dump()["metrics_host"] == "0.0.0.0"


def test_traces_go_where_they_are_told() -> None:
    [(_, api)] = [each for each in pods(render(CASES["everything"])) if each[0] == "api"]

    found = environment_of(api)

    assert found["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector.observability:4318"
    assert found["OTEL_TRACES_SAMPLER_ARG"] == "0.1"
    assert found["OTEL_EXPORTER_OTLP_HEADERS"] == {
        "secretKeyRef": {"name": "otlp", "key": "headers"}
    }
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" not in environment_of(pods(render())[0][1])


def test_ports_are_those_that_are_set() -> None:
    for service, pod in pods(render()):
        ports = {p["name"]: p["containerPort"] for p in pod["spec"]["containers"][0]["ports"]}
        assert str(ports["metrics"]) == environment_of(pod)["JOBYARD_METRICS_PORT"]
        if service == "api":
            assert str(ports["http"]) == environment_of(pod)["JOBYARD_API_PORT"]
