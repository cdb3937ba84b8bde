"""A store that is none of the chart's: one server with a password of its own, and TLS if wanted."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Any

import trustme

from e2e.servers import TLS_FOLDER, server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from e2e.kube import Namespace

SECRET = "passwords"
_NAME = "outside"
_CERTIFICATES = "outside-tls"
_TLS = {
    "port": "0",
    "tls-port": "6379",
    "tls-ca-cert-file": f"{TLS_FOLDER}/ca.crt",
    "tls-cert-file": f"{TLS_FOLDER}/tls.crt",
    "tls-key-file": f"{TLS_FOLDER}/tls.key",
    "tls-auth-clients": "yes",
}


class OutsideStore:
    """The server, and the Secrets in which the chart looks for its password and certificates."""

    def __init__(self, namespace: Namespace, image: str, *, tls: bool = False) -> None:
        """``tls``: in both directions, the clients show a certificate too."""
        self._namespace, self._image, self._tls = namespace, image, tls
        self._host = f"{_NAME}.{namespace.name}.svc"
        self.password = secrets.token_hex(24)

    def start(self) -> None:
        """Returns when it is ready."""
        if self._tls:
            self._write(_CERTIFICATES, certificates_of(self._host))
        options = {"requirepass": self.password, **(_TLS if self._tls else {})}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        named = _CERTIFICATES if self._tls else ""
        self._namespace.apply(*server(_NAME, self._image, *words, certificates=named))
        self.tell(self.password)
        self._namespace.kubectl("wait", "--for=condition=Ready", f"pod/{_NAME}", "--timeout=60s")

    def tell(self, password: str) -> None:
        """Puts a password into the Secret; whether it is the right one is another matter."""
        texts = {"app-password": password, "bootstrap-key": self.password[::-1]}
        self._write(SECRET, {name: each.encode() for name, each in texts.items()})

    def hang_up(self) -> None:
        """Ends all connections: whoever comes back brings a password."""
        command = ("valkey-cli", "-a", self.password, "CLIENT", "KILL", "TYPE", "normal")
        self._namespace.kubectl("exec", _NAME, "--", *command)

    def values(self) -> dict[str, Any]:
        """What tells the chart of it."""
        tls = {"enabled": True, "existingSecret": _CERTIFICATES, "client": True}
        external = {"host": self._host, **({"tls": tls} if self._tls else {})}
        return {
            "secret": {"existingSecret": SECRET},
            "store": {"type": "external", "external": external},
        }

    def _write(self, name: str, values: Mapping[str, bytes]) -> None:
        data = {key: base64.b64encode(value).decode() for key, value in values.items()}
        self._namespace.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
        )


def certificates_of(host: str) -> dict[str, bytes]:
    """An authority's certificate, and one for ``host`` that server and clients show alike."""
    authority = trustme.CA()
    own = authority.issue_cert(host)
    return {
        "ca.crt": authority.cert_pem.bytes(),
        "tls.crt": own.cert_chain_pems[0].bytes(),
        "tls.key": own.private_key_pem.bytes(),
    }
