"""Keys on the command line, and an API that does not stand open by accident."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest

from jobyard.api_keys import id_in, new_api_key
from support.processes import SCRIPTS, clean_environment
from support.rest import Rest

if TYPE_CHECKING:
    from pathlib import Path

    from support.processes import Services
    from support.servers import StoreServer


def run(
    directory: Path, command: str, *arguments: str, **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPTS / command), *arguments],
        env={**clean_environment(), **env},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def jobyard(
    server: StoreServer, directory: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return run(directory, "jobyard", *arguments, JOBYARD_REDIS_URL=server.url)


def test_a_key_of_the_command_line_opens_the_api(
    server: StoreServer, services: Services, tmp_path: Path
) -> None:
    made = jobyard(
        server, tmp_path, "keys", "create", "web shop", "--tenant", "acme",
        "--scope", "jobs:write", "--scope", "jobs:read", "--expires-in", "90d",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    key_id = id_in(key)
    assert key_id is not None
    with Rest(services) as api:
        headers = {"Authorization": f"Bearer {key}"}
        assert api.http.get("/v1/jobs").status_code == 401
        assert api.http.get("/v1/jobs", headers=headers).status_code == 200
        env = {"JOBYARD_API_URL": str(api.http.base_url), "JOBYARD_API_KEY": key}
        assert run(tmp_path, "jobyard", "submit", "echo", **env).returncode == 0
        del env["JOBYARD_API_KEY"]
        refused = run(tmp_path, "jobyard", "submit", "echo", **env)
        assert (refused.returncode, "401" in refused.stderr) == (1, True)

    listed = jobyard(server, tmp_path, "keys", "list")
    assert key_id in listed.stdout
    assert "web shop" in listed.stdout
    assert key not in listed.stdout
    assert jobyard(server, tmp_path, "keys", "revoke", key_id).returncode == 0
    assert jobyard(server, tmp_path, "keys", "list").stdout == ""
    again = jobyard(server, tmp_path, "keys", "revoke", key_id)
    assert (again.returncode, len(again.stderr.strip().splitlines())) == (1, 1)


def test_quotas_are_set_and_listed(server: StoreServer, tmp_path: Path) -> None:
    done = jobyard(server, tmp_path, "quotas", "set", "acme", "--requests-per-minute", "60")

    assert done.returncode == 0, done.stderr
    assert "acme  requests_per_minute=60" in jobyard(server, tmp_path, "quotas", "list").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "create", ""),
        ("keys", "create", "n", "--tenant", "a b"),
        ("keys", "create", "n", "--expires-in", "soon"),
        ("quotas", "set", "a b"),
    ],
    ids=str,
)
def test_what_is_malformed_is_one_line(
    server: StoreServer, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = jobyard(server, tmp_path, *arguments)

    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_api_that_others_reach_does_not_start_without_keys(
    server: StoreServer, tmp_path: Path
) -> None:
    env = {"JOBYARD_REDIS_URL": server.url, "JOBYARD_API_HOST": "0.0.0.0", "JOBYARD_API_PORT": "0"}
    done = run(tmp_path, "jobyard-api", **env)

    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    for name in ("0.0.0.0", "jobyard keys create", "JOBYARD_BOOTSTRAP_KEY", "JOBYARD_AUTH=open"):
        assert name in done.stderr


@pytest.mark.parametrize("how", ["key in the store", "bootstrap", "file", "required", "open"])
def test_an_api_that_others_reach_starts_with_keys_or_when_told_so(
    server: StoreServer, services: Services, tmp_path: Path, how: str
) -> None:
    env: dict[str, object] = {"JOBYARD_API_HOST": "0.0.0.0"}
    if how == "key in the store":
        assert jobyard(server, tmp_path, "keys", "create", "n").returncode == 0
    elif how == "bootstrap":
        env["JOBYARD_BOOTSTRAP_KEY"] = new_api_key().text
    elif how == "file":
        (tmp_path / "key").write_text(f"{new_api_key().text}\n")
        env["JOBYARD_BOOTSTRAP_KEY_FILE"] = tmp_path / "key"
    else:
        env["JOBYARD_AUTH"] = how

    with Rest(services, **env) as api:
        expected = 200 if how == "open" else 401
        assert api.http.get("/v1/jobs").status_code == expected


def test_an_api_that_others_reach_asks_for_keys_while_the_store_is_away(
    services: Services, server: StoreServer
) -> None:
    server.kill()
    api = Rest(services, JOBYARD_API_HOST="0.0.0.0")
    api.service.wait_for_log("api.started")

    server.restart()

    with api:
        assert api.http.get("/v1/jobs").status_code == 401


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({"JOBYARD_BOOTSTRAP_KEY": "short"}, "JOBYARD_BOOTSTRAP_KEY"),
        ({"JOBYARD_BOOTSTRAP_KEY": new_api_key().text[:-1] + "_"}, "JOBYARD_BOOTSTRAP_KEY"),
        ({"JOBYARD_BOOTSTRAP_KEY_FILE": "/no/such/file"}, "JOBYARD_BOOTSTRAP_KEY_FILE"),
        ({"JOBYARD_BOOTSTRAP_KEY": "x" * 40, "JOBYARD_AUTH": "open"}, "JOBYARD_AUTH"),
        (
            {"JOBYARD_BOOTSTRAP_KEY": "x" * 40, "JOBYARD_BOOTSTRAP_KEY_FILE": "f"},
            "JOBYARD_BOOTSTRAP_KEY_FILE",
        ),
        ({"JOBYARD_AUTH": "maybe"}, "JOBYARD_AUTH"),
    ],
    ids=["short", "mistyped", "no file", "open with a key", "twice", "unknown"],
)
def test_a_wrong_setting_is_one_line_with_its_name_and_without_the_key(
    tmp_path: Path, env: dict[str, str], name: str
) -> None:
    done = run(tmp_path, "jobyard-api", JOBYARD_API_PORT="0", **env)

    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert name in done.stderr
    assert env.get("JOBYARD_BOOTSTRAP_KEY", "x" * 40) not in done.stderr


def test_the_client_says_so_where_a_key_is_missing(server: StoreServer, services: Services) -> None:
    with Rest(services, JOBYARD_AUTH="required") as api:
        assert httpx.get(f"{api.http.base_url}/v1/jobs").json()["code"] == "unauthenticated"
