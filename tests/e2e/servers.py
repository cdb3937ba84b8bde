"""Servers of the tests' own beside the chart's store, in pods of the restricted standard."""

from __future__ import annotations

TLS_FOLDER = "/tls"
"""Where a server that has certificates finds them."""

_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def server(
    name: str, image: str, *options: str, certificates: str = ""
) -> tuple[dict[str, object], dict[str, object]]:
    """A pod with a Valkey that keeps everything in memory, and its Service.

    ``certificates`` names the Secret that has them.
    """
    labels = {"app": name}
    container: dict[str, object] = {
        "name": "valkey",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["valkey-server", "--save", "", "--protected-mode", "no", *options],
        "readinessProbe": {"tcpSocket": {"port": 6379}, "periodSeconds": 1},
        "securityContext": _SECURITY,
    }
    spec: dict[str, object] = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    }
    if certificates:
        container["volumeMounts"] = [{"name": "tls", "mountPath": TLS_FOLDER}]
        spec["volumes"] = [{"name": "tls", "secret": {"secretName": certificates}}]
    metadata = {"name": name, "labels": labels}
    ports = {"selector": labels, "ports": [{"port": 6379}]}
    return (
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": ports},
    )
