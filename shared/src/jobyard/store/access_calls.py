"""The calls about who may do what: keys, sessions, quotas, audit log. As ``calls.py``; pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jobyard.store.access_records import (
    AccessState,
    AuditEntry,
    AuditEvent,
    AuditPage,
    KeyCreated,
    KeyPage,
    KeyRecord,
    KnownKey,
    Leased,
    OpenSession,
    Quotas,
    TenantPage,
)
from jobyard.store.calls import Call
from jobyard.store.encoding import milliseconds
from jobyard.store.scripts import script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ANY_TENANT = "*"
"""In the place of a tenant's name, which it cannot be: whoever sees all tenants."""

LOOKS = 1000
"""How many entries of the audit log one page looks at."""

QUOTA_FIELDS = ("requests_per_minute", "payload_bytes_per_minute", "waiting_jobs")
_ENTRY_FIELDS = (
    "id", "actor", "key_id", "tenant", "action", "target", "outcome", "source", "detail",
)  # fmt: skip


def access() -> Call[AccessState]:
    """Whether keys are in use, and the version of who may do what."""
    return Call(script("access"), [], _state)


def create_key(record: KeyRecord, entry: AuditEntry) -> Call[KeyCreated]:
    """Stores a new key."""
    expiry = milliseconds(record.expires_at) if record.expires_at else ""
    fields = ["name", record.name, "tenant", record.tenant, "scopes", " ".join(record.scopes)]
    fields += ["created_by", record.created_by]
    sent = [record.id, record.digest, expiry, len(fields), *fields, *entry_fields(entry)]
    return Call(script("key_create"), sent, lambda reply: KeyCreated(reply.decode()))


def read_key(key_id: str) -> Call[KnownKey | None]:
    """One key with its tenant's quotas; None when there is none."""
    return Call(script("key_read"), [key_id], lambda reply: _known(key_id, reply))


def list_keys(tenant: str, *, before: str | None = None, limit: int = 100) -> Call[KeyPage]:
    """Keys of one tenant (empty: of operators), or of all with ``ANY_TENANT``; newest first."""
    return Call(script("key_list"), [tenant, before or "+inf", limit], _keys)


def revoke_key(key_id: str, tenant: str, entry: AuditEntry) -> Call[bool]:
    """Forgets a key; False when there is none, or it is not of ``tenant``."""
    return Call(script("key_revoke"), [key_id, tenant, *entry_fields(entry)], bool)


def keys_used(key_ids: Sequence[str]) -> Call[int]:
    """Notes that keys were used now, at most once a minute each."""
    return Call(script("key_used"), list(key_ids), int)


def set_quotas(tenant: str, quotas: Quotas, entry: AuditEntry) -> Call[None]:
    """Replaces the quotas of a tenant."""
    named = [(name, getattr(quotas, name)) for name in QUOTA_FIELDS]
    fields = [part for pair in named if pair[1] is not None for part in pair]
    sent = [tenant, len(fields), *fields, *entry_fields(entry)]
    return Call(script("quota_set"), sent, lambda _: None)


def read_quotas(tenant: str) -> Call[Quotas]:
    """The quotas of one tenant."""
    return Call(script("quota_list"), [tenant, "", 1], lambda reply: _quotas(reply[0][1]))


def list_quotas(*, after: str | None = None, limit: int = 100) -> Call[TenantPage]:
    """Tenants that have quotas, by name."""

    def decode(reply: list[Any]) -> TenantPage:
        rows = tuple((name.decode(errors="replace"), _quotas(flat)) for name, flat in reply)
        return TenantPage(rows, rows[-1][0] if len(rows) == limit else None)

    return Call(script("quota_list"), ["", after or "", limit], decode)


def lease(tenant: str, quota: str, needed: int, process: str, nonce: str) -> Call[Leased]:
    """A share of a quota of ``QUOTA_FIELDS``, at least ``needed`` units or none."""
    return Call(script("lease"), [tenant, quota, needed, process, nonce], _leased)


def open_session(
    digest: str, *, seconds: int, key_id: str, key_digest: str, entry: AuditEntry
) -> Call[None]:
    """Remembers that somebody signed in; ``digest`` is that of the session's secret."""
    sent = [digest, seconds * 1000, key_id, key_digest, *entry_fields(entry)]
    return Call(script("session_open"), sent, lambda _: None)


def read_session(digest: str) -> Call[OpenSession | None]:
    """A session with its key; None when there is none."""
    return Call(script("session_read"), [digest], _session)


def close_session(digest: str, entry: AuditEntry) -> Call[bool]:
    """Forgets a session; False when there was none."""
    return Call(script("session_close"), [digest, *entry_fields(entry)], bool)


def note(entry: AuditEntry) -> Call[None]:
    """Adds an entry to the audit log."""
    return Call(script("audit_note"), entry_fields(entry), lambda _: None)


def list_audit(tenant: str, *, before: str | None = None, limit: int = 100) -> Call[AuditPage]:
    """Entries of one tenant, or of all with ``ANY_TENANT``; newest first.

    May hold fewer than ``limit`` with ``next`` set: it looked at ``LOOKS`` entries.
    """
    return Call(script("audit_list"), [tenant, before or "+", limit, LOOKS], _audit)


def _state(reply: list[bytes]) -> AccessState:
    version, closed = reply
    return AccessState((closed + b":" + version).decode(), bool(closed))


def entry_fields(entry: AuditEntry) -> list[Any]:
    """An entry as the scripts take it."""
    fields = [part for name in _ENTRY_FIELDS for part in (name, getattr(entry, name))]
    return [len(fields), *fields]


def _flat(row: Sequence[bytes]) -> dict[str, str]:
    texts = [part.decode(errors="replace") for part in row]
    return dict(zip(texts[::2], texts[1::2], strict=False))


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _record(key_id: str, fields: Mapping[str, str]) -> KeyRecord:
    return KeyRecord(
        id=key_id,
        name=fields.get("name", ""),
        tenant=fields.get("tenant", ""),
        scopes=tuple(fields.get("scopes", "").split()),
        digest=fields.get("digest", ""),
        created_at=_moment(fields.get("created_at")),
        created_by=fields.get("created_by", ""),
        expires_at=_moment(fields.get("expires_at")),
        last_used_at=_moment(fields.get("last_used_at")),
    )


def _quotas(flat: Sequence[bytes]) -> Quotas:
    fields = _flat(flat)
    found = {name: fields[name] for name in QUOTA_FIELDS if fields.get(name, "").isdecimal()}
    return Quotas(**{name: int(text) for name, text in found.items()})


def _known(key_id: str, reply: Any) -> KnownKey | None:
    if not reply:
        return None
    flat, left, quotas = reply
    seconds = None if left == b"" else int(left) / 1000
    return KnownKey(_record(key_id, _flat(flat)), _quotas(quotas), seconds)


def _keys(reply: list[Any]) -> KeyPage:
    following, *rows = reply
    keys = tuple(_record(row[0].decode(), _flat(row[1])) for row in rows)
    return KeyPage(keys, following.decode() or None)


def _leased(reply: list[int]) -> Leased:
    quota, granted, remaining, left, window = (int(part) for part in reply)
    return Leased(None if quota < 0 else quota, granted, remaining, left / 1000, window)


def _session(reply: Any) -> OpenSession | None:
    if not reply:
        return None
    key_id, digest, left, known = reply
    name = key_id.decode()
    return OpenSession(name, digest.decode(), left / 1000, _known(name, known))


def _audit(reply: list[Any]) -> AuditPage:
    following, *rows = reply
    events = tuple(_event(row[0].decode(), _flat(row[1])) for row in rows)
    return AuditPage(events, following.decode() or None)


def _event(place: str, fields: Mapping[str, str]) -> AuditEvent:
    at = datetime.fromtimestamp(int(place.partition("-")[0]) / 1000, UTC)
    return AuditEvent(
        place, at, AuditEntry(**{name: fields.get(name, "") for name in _ENTRY_FIELDS})
    )
