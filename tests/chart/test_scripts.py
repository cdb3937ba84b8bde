"""The scripts of the chart's pods do what they say, and Helm takes the chart as a package."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import trustme
from typing_extensions import override

from support.chart import CHART, render
from support.kube_tools import helm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = ("bootstrap-key", "app-password", "keda-password", "exporter-password")


class Secrets(BaseHTTPRequestHandler):
    """The part of a Kubernetes API server that the script asks: one Secret, get and patch."""

    data: ClassVar[dict[str, str]] = {}
    patches: ClassVar[int] = 0

    def do_GET(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        length = int(self.headers["Content-Length"])
        type(self).data = {**self.data, **json.loads(self.rfile.read(length))["data"]}
        type(self).patches += 1
        self._answer()

    def _answer(self) -> None:
        known = self.path == "/api/v1/namespaces/jobs/secrets/yard"
        trusted = self.headers["Authorization"] == "Bearer token-of-the-pod"
        body = json.dumps({"metadata": {}, "data": self.data}).encode()
        self.send_response(200 if known and trusted else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def account(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a pod in a cluster whose API server is ``Secrets``."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    (tmp_path / "token").write_text("token-of-the-pod")
    (tmp_path / "namespace").write_text("jobs")
    Secrets.data, Secrets.patches = {}, 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Secrets)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(server.server_port),
        "SERVICE_ACCOUNT_DIR": str(tmp_path),
    }
    server.shutdown()
    thread.join()
    server.server_close()


def fill(account: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, CHART / "files/fill_secret.py", "yard", *KEYS],
        env={**os.environ, **account},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_a_secret_lacks_is_filled_in(account: dict[str, str]) -> None:
    done = fill(account)

    assert done.returncode == 0, done.stderr
    assert set(Secrets.data) == set(KEYS)
    values = [base64.b64decode(value).decode() for value in Secrets.data.values()]
    assert len(set(values)) == len(KEYS)
    assert all(value.isalnum() and 32 <= len(value) <= 200 for value in values)
    assert not any(value in done.stdout for value in values)


def test_what_is_there_stays(account: dict[str, str]) -> None:
    Secrets.data = {"app-password": "dGhlaXJz"}

    fill(account)
    first = dict(Secrets.data)
    fill(account)

    assert first["app-password"] == "dGhlaXJz"
    assert Secrets.data == first
    assert Secrets.patches == 1


def test_a_refusal_fails_the_job(account: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("another")

    assert fill(account).returncode != 0


def test_the_job_asks_for_every_key_that_pods_mount() -> None:
    release = render()
    [job] = release.of("Job")
    told = set(job["spec"]["template"]["spec"]["containers"][0]["args"][1:])

    mounted = {
        item["key"]
        for _, pod in release.pods()
        for volume in pod["spec"].get("volumes", [])
        for item in volume.get("secret", {}).get("items", [])
    }

    assert mounted == told - {"x"}


def test_another_image_makes_another_job() -> None:
    names = {render({"image": {"tag": tag}}).of("Job")[0]["metadata"]["name"] for tag in "ab"}

    assert len(names) == 2


def test_helm_finds_nothing_to_say() -> None:
    done = subprocess.run(
        [helm(), "lint", "--strict", CHART], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


def test_the_package_holds_what_is_rendered(tmp_path: Path) -> None:
    subprocess.run([helm(), "package", CHART, "-d", tmp_path], capture_output=True, check=True)
    [package] = tmp_path.glob("jobyard-*.tgz")

    assert render(chart=package).text == render().text


def test_notes_name_three_commands(tmp_path: Path) -> None:
    done = subprocess.run(
        [helm(), "install", "yard", CHART, "--dry-run=client", "--namespace", "jobs"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "KUBECONFIG": str(tmp_path / "none")},
    )

    notes = done.stdout.partition("NOTES:")[2]
    commands = [line.strip() for line in notes.splitlines() if line.startswith("  ")]
    assert [command.split()[0] for command in commands] == ["kubectl", "export", "curl"]
    assert "service/yard-jobyard-api 8000:80" in commands[0]
