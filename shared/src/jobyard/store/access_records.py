"""API keys, sessions, quotas and the audit log as the store keeps them. Frozen records."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """What a tenant may use; None means as much as it likes."""

    requests_per_minute: int | None = None
    payload_bytes_per_minute: int | None = None
    waiting_jobs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A stored key without its secret. ``tenant`` is empty for an operator's."""

    id: str
    name: str
    tenant: str
    scopes: tuple[str, ...]
    digest: str = field(repr=False)
    created_at: datetime | None = None
    created_by: str = ""
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyPage:
    """Some keys, newest first; ``next`` is None on the last page."""

    keys: tuple[KeyRecord, ...]
    next: str | None


class KnownKey(NamedTuple):
    """What a request with a key needs to know; ``left_seconds`` until it expires, None for never.

    Read by the server's clock, so that no replica's own decides.
    """

    record: KeyRecord
    quotas: Quotas
    left_seconds: float | None


class OpenSession(NamedTuple):
    """A person who signed in. ``key`` is None when the key is not a stored one."""

    key_id: str
    digest: str
    left_seconds: float
    key: KnownKey | None


class KeyCreated(StrEnum):
    """What ``key_create`` did."""

    CREATED = "created"
    AGAIN = "again"
    """This very call was applied before."""
    EXISTS = "exists"
    """Another key has this id; nothing was stored."""


@dataclass(frozen=True, slots=True)
class AccessState:
    """Whether keys are in use, and a ``version`` that changes whenever somebody may do less.

    Once a key was made, keys are in use for good: to revoke the last one opens nothing.
    """

    version: str
    keys_in_use: bool


@dataclass(frozen=True, slots=True)
class TenantPage:
    """Tenants that have quotas, by name; ``next`` is None on the last page."""

    tenants: tuple[tuple[str, Quotas], ...]
    next: str | None


class Leased(NamedTuple):
    """A share of a quota, to be used up within ``left_seconds``. ``quota`` is None without one."""

    quota: int | None
    granted: int
    remaining: int
    left_seconds: float
    window: int = 0
    """When it began, by the server's clock: tells windows apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what to what, from where, and how it went."""

    id: str
    """Of the request or command; a repeated call with the same one adds nothing."""
    actor: str
    key_id: str
    tenant: str
    action: str
    target: str
    outcome: str
    source: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """A stored entry; ``place`` is its place in the log."""

    place: str
    at: datetime
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries, newest first; ``next`` is None on the last page."""

    events: tuple[AuditEvent, ...]
    next: str | None
