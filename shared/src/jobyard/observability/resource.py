"""Who the spans of this process come from, in OpenTelemetry's words."""

from __future__ import annotations

import os
import socket
from importlib import metadata

from opentelemetry.sdk.resources import OTELResourceDetector, Resource


def resource_of(service: str) -> Resource:
    """Of a service as in ``worker``; what ``OTEL_SERVICE_NAME`` and the like say comes first."""
    ours = {
        "service.name": f"jobyard-{service}",
        "service.namespace": "jobyard",
        "service.version": metadata.version("jobyard"),
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
    }
    return Resource.create({**ours, **OTELResourceDetector().detect().attributes})
