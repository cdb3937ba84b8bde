"""The routes: each parses, calls the core and shapes the answer. None knows the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard_api.routes import (
    api_keys,
    audit_events,
    dashboard,
    documentation,
    events,
    health,
    jobs,
    log_levels,
    moves,
    queues,
    quotas,
    results,
    sign_in,
    tasks,
    unreadable,
    workers,
)
from jobyard_api.routes.classic import email, message_queue, metadata, notifications, priority

if TYPE_CHECKING:
    from fastapi import FastAPI

_MODULES = (
    jobs,
    moves,
    results,
    events,
    tasks,
    queues,
    workers,
    unreadable,
    api_keys,
    quotas,
    audit_events,
    log_levels,
    sign_in,
    health,
    documentation,
    dashboard,
    notifications,
    message_queue,
    metadata,
    priority,
    email,
)


def install(app: FastAPI) -> None:
    """Adds all routes and static files."""
    for module in _MODULES:
        app.include_router(module.router)
    documentation.mount(app)
