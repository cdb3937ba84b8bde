"""Fills in the keys that a Secret of this namespace lacks, with random letters and digits.

Runs in a pod whose service account may get and patch this one Secret and nothing else. Keys that
are there stay as they are, so it may run again at any time.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import ssl
import string
import sys
import urllib.request
from pathlib import Path
from typing import Any

_ACCOUNT = Path(
    os.environ.get("SERVICE_ACCOUNT_DIR", "/var/run/secrets/kubernetes.io/serviceaccount")
)
_LETTERS = string.ascii_letters + string.digits
_LENGTH = 48
"""Letters of a value: 285 bits."""


def main(name: str, keys: list[str]) -> None:
    """Adds the missing ones of ``keys`` to the Secret ``name``, in one patch."""
    present = call("GET", name).get("data") or {}
    missing = [key for key in keys if not present.get(key)]
    if missing:
        call("PATCH", name, {"data": {key: random_value() for key in missing}})
    print(json.dumps({"event": "secret.filled", "secret": name, "added": missing}))


def random_value() -> str:
    """A new value, in base64 as Secrets have it."""
    text = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    return base64.b64encode(text.encode()).decode()


def call(method: str, name: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One request for the Secret to the API server; any status but 2xx raises."""
    request = urllib.request.Request(
        url_of(name),
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {(_ACCOUNT / 'token').read_text()}",
            "Content-Type": "application/strategic-merge-patch+json",
        },
    )
    with urllib.request.urlopen(request, timeout=10, context=trusted()) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def trusted() -> ssl.SSLContext:
    """Trusts the cluster's authority, also one made before certificates had to name key usages."""
    context = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def url_of(name: str) -> str:
    """Where the Secret is at the API server of this cluster."""
    host = os.environ["KUBERNETES_SERVICE_HOST"]
    port = os.environ["KUBERNETES_SERVICE_PORT"]
    address = f"[{host}]" if ":" in host else host
    namespace = (_ACCOUNT / "namespace").read_text()
    return f"https://{address}:{port}/api/v1/namespaces/{namespace}/secrets/{name}"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
