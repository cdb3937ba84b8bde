"""However the store is reached: pods and KEDA are told the same, and no secret is written out."""

from __future__ import annotations

from typing import Any

import pytest

from jobyard.connection import connect
from jobyard.settings import Settings
from support.chart import Object, Release, environment_of, render

KEDA = {"pools": {"default": {"autoscaling": {"enabled": True}}}}
SECRET = {"existingSecret": "passwords"}
PARTS = ("-api", "-scheduler", "-worker-default")


def external(**values: Any) -> Release:
    store = {"type": "external", "external": {"host": "store.example", "port": 6380, **values}}
    return render({"secret": SECRET, "store": store, **KEDA})


def environment(release: Release, part: str = "-api") -> dict[str, Any]:
    return environment_of(release.one("Deployment", part)["spec"]["template"])


def triggers(release: Release) -> list[Object]:
    found: list[Object] = release.one("ScaledObject")["spec"]["triggers"]
    return found


def parameters(release: Release) -> dict[str, tuple[str, str]]:
    """What KEDA is told in confidence: parameter → (name, key)."""
    spec = release.one("TriggerAuthentication")["spec"]
    given = (*spec.get("secretTargetRef", []), *spec.get("configMapTargetRef", []))
    return {each["parameter"]: (each["name"], each["key"]) for each in given}


def settings(release: Release) -> Settings:
    """What a pod would make of its environment."""
    given = {
        name.lower(): value
        for name, value in environment(release).items()
        if name.startswith("JOBYARD_REDIS")
    }
    return Settings(_env_file=None, **given)


@pytest.mark.parametrize("part", PARTS)
def test_the_bundled_store_has_a_user_for_each(part: str) -> None:
    release = render(KEDA)

    found = environment(release, part)
    assert found["JOBYARD_REDIS_URL"] == "redis://yard-jobyard-store:6379/0"
    assert found["JOBYARD_REDIS_USERNAME"] == "app"
    assert parameters(release)["password"] == ("yard-jobyard", "keda-password")
    told = release.one("ConfigMap", "-store-keda")["data"]
    assert told == {"username": "keda", "tls": "disable"}
    assert {t["metadata"]["address"] for t in triggers(release)} == {
        "yard-jobyard-store.jobs.svc:6379"
    }


def test_an_external_store_has_host_port_and_database() -> None:
    release = external(database=3, auth=False)

    client: Any = connect(settings(release)).connection_pool
    assert client.connection_kwargs["host"] == "store.example"
    assert (client.connection_kwargs["port"], client.connection_kwargs["db"]) == (6380, 3)
    assert triggers(release)[0]["metadata"]["databaseIndex"] == "3"
    assert triggers(release)[0]["metadata"]["address"] == "store.example:6380"
    assert not release.of("TriggerAuthentication")
    assert not release.of("StatefulSet")


def test_keda_shares_the_password_unless_it_has_a_user_of_its_own() -> None:
    assert parameters(external())["password"] == ("passwords", "app-password")

    release = external(username="yard", kedaUsername="scaler")

    assert parameters(release)["password"] == ("passwords", "keda-password")
    assert release.one("ConfigMap", "-store-keda")["data"]["username"] == "scaler"


@pytest.mark.parametrize("client", [False, True])
def test_tls_is_checked_by_pods_and_by_keda(client: bool) -> None:
    release = external(tls={"enabled": True, "existingSecret": "store-tls", "client": client})

    found = settings(release)
    told = parameters(release)
    assert found.redis_url.startswith("rediss://")
    assert found.redis_ca == "/etc/jobyard/store-tls/ca.crt"
    assert (found.redis_key is not None) is client
    assert told["ca"] == ("store-tls", "ca.crt")
    assert ("cert" in told, "key" in told) == (client, client)
    assert release.one("ConfigMap", "-store-keda")["data"]["tls"] == "enable"
    # Both at once are an error in KEDA, and the second switches checking off.
    assert not {"enableTLS", "unsafeSsl"} & set(triggers(release)[0]["metadata"])


def test_sentinels_are_asked_by_pods_and_by_keda() -> None:
    release = external(
        host="",
        sentinel={"addresses": ["s0:26379", "s1:26380"], "service": "yard", "auth": True},
    )

    pool: Any = connect(settings(release)).connection_pool
    trigger = triggers(release)[0]
    assert pool.service_name == "yard"
    assert trigger["type"] == "redis-sentinel"
    assert trigger["metadata"]["addresses"] == "s0:26379,s1:26380"
    assert trigger["metadata"]["sentinelMaster"] == "yard"
    assert parameters(release)["sentinelPassword"] == ("passwords", "sentinel-password")
    assert settings(release).redis_sentinel_password_file == (
        "/etc/jobyard/secret/sentinel-password"
    )


def test_a_secret_of_the_users_is_the_only_one() -> None:
    release = render({"secret": SECRET})

    assert not release.of("Secret")
    assert not release.of("Job")
    for name, pod in release.pods():
        for volume in pod["spec"].get("volumes", []):
            if "secret" in volume:
                assert volume["secret"]["secretName"] == "passwords", name
