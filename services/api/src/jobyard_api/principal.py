"""Who sends a request: a tenant, and what its key may do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """One thing that a key may be allowed to do."""

    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    PAYLOADS_READ = "payloads:read"
    QUEUES_ADMIN = "queues:admin"
    WORKERS_ADMIN = "workers:admin"
    KEYS_ADMIN = "keys:admin"
    AUDIT_READ = "audit:read"


@dataclass(frozen=True, slots=True)
class Principal:
    """The sender of a request. ``tenant`` is None for operators, who see all tenants' jobs."""

    name: str
    tenant: str | None
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Whether its key has this scope."""
        return scope in self.scopes


ANYBODY = Principal("", None, frozenset(Scope))
"""The sender of every request where no keys are in use (on this machine's own address only)."""
