"""What happens around every request: pure ASGI, outermost first.

``envelope`` (id, headers, line, count, crash) → ``spans`` (where traces are recorded) →
``path_prefix`` (where there is one) → ``cors`` (where origins are named) →
``authentication`` (who sends it, and its quotas) → ``head_method`` → ``body_limit`` →
``hot_lane`` → the application.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard_api.middleware.authentication import Authentication
from jobyard_api.middleware.body_limit import BodyLimit
from jobyard_api.middleware.cors import Cors
from jobyard_api.middleware.envelope import Envelope
from jobyard_api.middleware.head_method import HeadAsGet
from jobyard_api.middleware.hot_lane import HotLane
from jobyard_api.middleware.path_prefix import PathPrefix

if TYPE_CHECKING:
    from fastapi import FastAPI

    from jobyard.observability.tracer import Tracer
    from jobyard_api.access import Access
    from jobyard_api.middleware.traffic import Traffic
    from jobyard_api.settings import ApiSettings


def install(
    app: FastAPI,
    settings: ApiSettings,
    access: Access,
    traffic: Traffic,
    tracer: Tracer | None = None,
) -> None:
    """Adds all of them in their order (the framework puts the last one added outermost)."""
    app.add_middleware(HotLane)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Authentication, access=access)
    if settings.cors_origins:
        app.add_middleware(Cors, origins=settings.cors_origins)
    if settings.path_prefix:
        app.add_middleware(PathPrefix, prefix=settings.path_prefix)
    if tracer is not None:
        from jobyard_api.middleware.spans import Spans  # noqa: PLC0415 - with OpenTelemetry

        app.add_middleware(Spans, tracer=tracer)
    app.add_middleware(Envelope, traffic=traffic)
