"""A small HTTPS server that takes what a pod tells Kubernetes' API server of itself."""

from __future__ import annotations

import json
import ssl
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import trustme

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Patch:
    """One request that came."""

    path: str
    token: str
    kind: str
    body: dict[str, Any]


class KubeApi:
    """Answers PATCH with ``status``. ``credentials`` is what a pod finds mounted."""

    def __init__(self, directory: Path) -> None:
        self.credentials = directory / "serviceaccount"
        self.credentials.mkdir()
        self.status = 200
        self.patches: list[Patch] = []
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.credentials / "ca.crt"))
        self.give_token("first")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return int(self._server.server_address[1])

    @property
    def costs(self) -> list[int]:
        """The deletion costs that came, in order."""
        name = "controller.kubernetes.io/pod-deletion-cost"
        return [int(patch.body["metadata"]["annotations"][name]) for patch in self.patches]

    def give_token(self, token: str) -> None:
        """The kubelet replaces the mounted token."""
        (self.credentials / "token").write_text(f"{token}\n")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_PATCH(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                token = self.headers["Authorization"].removeprefix("Bearer ")
                kind = self.headers["Content-Type"]
                api.patches.append(Patch(self.path, token, kind, json.loads(body)))
                self.send_response(api.status)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:  # type: ignore[explicit-override]
                """Says nothing."""

        return Handler
