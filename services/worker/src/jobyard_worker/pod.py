"""The pod that a worker runs in, as Kubernetes' API server knows it. Needs no client library."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobyard.errors import JobyardError

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT_SECONDS = 5.0


class PodNotAnnotatedError(JobyardError):
    """The API server did not take an annotation."""


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod. ``credentials`` is the mounted service account: ``token`` and ``ca.crt``."""

    host: str
    port: int
    namespace: str
    name: str
    credentials: Path

    def annotate(self, name: str, value: str) -> None:
        """Sets one annotation of the pod; needs the right to patch it.

        Raises:
            PodNotAnnotatedError: The API server does not answer or refuses; the message says why.
        """
        try:
            status, said = self._patch({"metadata": {"annotations": {name: value}}})
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise PodNotAnnotatedError(f"{error or type(error).__name__}") from error
        if status != http.client.OK:
            raise PodNotAnnotatedError(f"{status} {said}")

    def _patch(self, change: dict[str, object]) -> tuple[int, str]:
        context = ssl.create_default_context(cafile=str(self.credentials / "ca.crt"))
        connection = http.client.HTTPSConnection(
            self.host, self.port, timeout=_TIMEOUT_SECONDS, context=context
        )
        try:
            connection.request("PATCH", self._path, json.dumps(change), self._headers())
            response = connection.getresponse()
            return response.status, response.read(500).decode(errors="replace")
        finally:
            connection.close()

    @property
    def _path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"

    def _headers(self) -> dict[str, str]:
        """The token is read anew each time: the kubelet replaces it every hour."""
        token = (self.credentials / "token").read_text(encoding="ascii").strip()
        return {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/merge-patch+json",
            "Accept": "application/json",
        }
