"""Who sends a request: a tenant, and what its key may do. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from jobyard.api_keys import Scope

__all__ = ["ANYBODY", "NOBODY", "UNKNOWN", "Principal", "Scope", "public_of"]


@dataclass(frozen=True, slots=True)
class Principal:
    """The sender of a request. ``tenant`` is None for operators, who see all tenants' jobs.

    Attributes:
        name: The name of its key.
        tenant: Whose jobs it sees.
        scopes: What its key may do.
        key_id: The public id of its key; empty where it has none.
        csrf: What a request must repeat that came with a cookie; empty for one with a key.
        waiting_jobs: How many jobs its tenant may have waiting; None for any number.
        is_public: Whether it has no key, and may use the classic routes only.
    """

    name: str
    tenant: str | None
    scopes: frozenset[Scope]
    key_id: str = ""
    csrf: str = field(default="", repr=False)
    waiting_jobs: int | None = None
    is_public: bool = False

    def may(self, scope: Scope) -> bool:
        """Whether its key has this scope."""
        return scope in self.scopes


ANYBODY = Principal("", None, frozenset(Scope))
"""The sender of every request where no keys are in use (on this machine's own address only)."""

NOBODY = Principal("", "", frozenset())
"""Somebody without a key where keys are in use."""

UNKNOWN = Principal("", "", frozenset())
"""Somebody whose key cannot be looked up now: the store does not answer."""

PUBLIC_TENANT = "public"


def public_of(waiting_jobs: int | None) -> Principal:
    """Somebody without a key where the classic routes are open: a tenant like any other."""
    scopes = frozenset({Scope.JOBS_READ, Scope.JOBS_WRITE, Scope.PAYLOADS_READ})
    return Principal(
        PUBLIC_TENANT, PUBLIC_TENANT, scopes, waiting_jobs=waiting_jobs, is_public=True
    )
