"""What the routes about access take and give, as Pydantic models."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from jobyard.api_keys import Scope
from jobyard_api.models import Moment, Name

MOST_PER_MINUTE = 10**12
MOST_JOBS = 10**9

PageToken = Annotated[str | None, Field(max_length=200)]
Count = Annotated[int | None, Field(strict=True, ge=0, le=MOST_PER_MINUTE)]


class ApiKeyRequest(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "web shop", "scopes": ["jobs:write"]}]},
    )

    name: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,100}$")]
    scopes: list[Scope] = Field(min_length=1, max_length=20)
    tenant: Name | None = Field(None, description="Default: that of the key that makes it")
    expires_at: Moment | None = Field(None, description="Default: never (RFC 3339 with offset)")

    @field_validator("expires_at")
    @classmethod
    def _ahead(cls, value: datetime | None) -> datetime | None:
        if value is not None and value <= datetime.now(UTC):
            raise ValueError("is past")
        return value


class ApiKey(BaseModel):
    """A key without its secret. ``tenant`` is null for an operator's."""

    id: str
    name: str
    tenant: str | None
    scopes: list[str]
    created_at: datetime | None
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute")


class NewApiKey(ApiKey):
    """A new key; ``key`` is shown this once."""

    key: str


class ApiKeyList(BaseModel):
    """Keys, newest first."""

    api_keys: list[ApiKey]
    next_page_token: str | None = Field(description="null on the last page")


class QuotasRequest(BaseModel):
    """What a tenant may use. What is left out is not limited."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"requests_per_minute": 600, "waiting_jobs": 10_000}]},
    )

    requests_per_minute: Count = Field(None, description="Requests of all its keys together")
    payload_bytes_per_minute: Count = Field(None, description="Bytes of all bodies it sends")
    waiting_jobs: Annotated[int | None, Field(strict=True, ge=0, le=MOST_JOBS)] = Field(
        None, description="Jobs of it that wait at one time"
    )


class TenantQuotas(BaseModel):
    """What a tenant may use; null means without a limit."""

    tenant: str
    requests_per_minute: int | None
    payload_bytes_per_minute: int | None
    waiting_jobs: int | None


class TenantQuotasList(BaseModel):
    """Tenants that have quotas, by name."""

    tenants: list[TenantQuotas]
    next_page_token: str | None = Field(description="null on the last page")


class AuditEvent(BaseModel):
    """One change: who did what to what, from where, when, and how it went."""

    id: str
    at: datetime
    actor: str = Field(description="Name of the key, or of the user of the command line")
    key_id: str
    tenant: str | None
    action: str = Field(description="The operation of the API, or the command")
    target: str
    outcome: str = Field(description="done, failed or refused; with the status of the answer")
    source: str = Field(description="Address that it came from, or host of the command line")
    detail: str


class AuditEventList(BaseModel):
    """What was done, newest first."""

    audit_events: list[AuditEvent]
    next_page_token: str | None = Field(
        description="null on the last page; a page may hold less than page_size before it"
    )


class SessionInfo(BaseModel):
    """Who is signed in."""

    name: str
    tenant: str | None
    scopes: list[Scope]
    signed_in: bool = Field(description="With a cookie, and so able to sign out")
