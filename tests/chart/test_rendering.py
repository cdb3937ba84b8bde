"""What the chart renders by default, and with every part of it switched on."""

from __future__ import annotations

from typing import Any

import pytest

from support.chart import Release, environment_of, render


@pytest.fixture(scope="module")
def plain() -> Release:
    return render()


def test_the_default_values_are_a_whole_yard(plain: Release) -> None:
    names = {f"{each['kind']}/{each['metadata']['name']}" for each in plain.objects}

    assert {
        "Deployment/yard-jobyard-api",
        "Deployment/yard-jobyard-scheduler",
        "Deployment/yard-jobyard-worker-default",
        "StatefulSet/yard-jobyard-store",
        "Service/yard-jobyard-api",
        "Service/yard-jobyard-store",
        "Secret/yard-jobyard",
    } <= names


def test_two_renderings_are_the_same(plain: Release) -> None:
    assert render().text == plain.text


def test_no_password_is_in_what_is_rendered(plain: Release) -> None:
    secret = plain.one("Secret")

    assert "data" not in secret
    assert "stringData" not in secret


def test_the_api_listens_for_others_and_has_a_key(plain: Release) -> None:
    environment = environment_of(plain.one("Deployment", "-api")["spec"]["template"])

    assert environment["JOBYARD_API_HOST"] == "0.0.0.0"
    assert environment["JOBYARD_BOOTSTRAP_KEY_FILE"] == "/etc/jobyard/secret/bootstrap-key"


def files_of(release: Release, ending: str) -> set[str]:
    pod = release.one("Deployment", ending)["spec"]["template"]["spec"]
    volume: dict[str, Any] = next(each for each in pod["volumes"] if each["name"] == "secret")
    return {item["path"] for item in volume["secret"]["items"]}


def test_only_the_api_gets_the_bootstrap_key(plain: Release) -> None:
    assert files_of(plain, "-api") == {"app-password", "bootstrap-key"}
    assert files_of(plain, "-scheduler") == {"app-password"}
    assert files_of(plain, "-worker-default") == {"app-password"}
