"""Settings of the API process, read once from the environment or ``.env``."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from jobyard.retry import MAX_DELAY_SECONDS, MAX_RETRIES
from jobyard.settings import MetricsSettings, Names, comma_list, env, metrics_port_field

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?")


class ApiSettings(MetricsSettings):
    """What the API adds to the common settings."""

    api_host: str = Field(
        "127.0.0.1",
        min_length=1,
        validation_alias=env("JOBYARD_API_HOST"),
        description="address to listen on",
    )
    api_port: int = Field(
        8000,
        ge=0,
        le=65_535,
        validation_alias=env("JOBYARD_API_PORT"),
        description="port to listen on; 0 takes a free one",
    )
    path_prefix: str = Field(
        "",
        pattern=r"^(/[A-Za-z0-9._~-]+)*$",
        validation_alias=env("JOBYARD_API_PATH_PREFIX"),
        description="path below which a proxy shows the API, as in /jobyard",
    )
    metrics_port: int = metrics_port_field(9400)
    max_body_bytes: int = Field(
        1_048_576,
        ge=1_024,
        le=67_108_864,
        validation_alias=env("JOBYARD_MAX_BODY_BYTES"),
        description="largest request body",
    )
    max_json_depth: int = Field(
        32,
        ge=3,
        le=128,
        validation_alias=env("JOBYARD_MAX_JSON_DEPTH"),
        description="deepest nesting of a body",
    )
    max_json_values: int = Field(
        100_000,
        ge=100,
        validation_alias=env("JOBYARD_MAX_JSON_VALUES"),
        description="most values in a body",
    )
    max_json_keys: int = Field(
        10_000,
        ge=100,
        validation_alias=env("JOBYARD_MAX_JSON_KEYS"),
        description="most keys in one object of a body",
    )
    any_queue: bool = Field(
        default=False,
        validation_alias=env("JOBYARD_ANY_QUEUE"),
        description="take jobs for queues that nobody has declared",
    )
    max_head_bytes: int = Field(
        32_768,
        ge=1_024,
        le=1_048_576,
        validation_alias=env("JOBYARD_MAX_HEAD_BYTES"),
        description="largest head of a request: its URL and headers",
    )
    receive_seconds: float = Field(
        30.0,
        ge=1.0,
        validation_alias=env("JOBYARD_API_RECEIVE_SECONDS"),
        description="how long a request may take to arrive, head and body",
    )
    send_seconds: float = Field(
        30.0,
        ge=1.0,
        validation_alias=env("JOBYARD_API_SEND_SECONDS"),
        description="how long a client may leave an answer unread",
    )
    keep_alive_seconds: int = Field(
        75,
        ge=1,
        validation_alias=env("JOBYARD_API_KEEP_ALIVE_SECONDS"),
        description="how long an idle connection is kept; longer than a load balancer keeps it",
    )
    drain_seconds: float = Field(
        5.0,
        ge=0.0,
        validation_alias=env("JOBYARD_API_DRAIN_SECONDS"),
        description="how long requests are still taken after SIGTERM, while /readyz says 503",
    )
    shutdown_seconds: int = Field(
        20,
        ge=1,
        validation_alias=env("JOBYARD_API_SHUTDOWN_SECONDS"),
        description="how long requests under way may take at the end",
    )
    max_queue_depth: int = Field(
        0,
        ge=0,
        validation_alias=env("JOBYARD_MAX_QUEUE_DEPTH"),
        description="most jobs that may wait in a queue, delayed ones too; 0 for any number",
    )
    max_retries: int = Field(
        100,
        ge=0,
        le=MAX_RETRIES,
        validation_alias=env("JOBYARD_MAX_RETRIES"),
        description="most retries that a request may ask for",
    )
    max_retry_delay_seconds: float = Field(
        604_800.0,
        ge=0,
        le=MAX_DELAY_SECONDS,
        validation_alias=env("JOBYARD_MAX_RETRY_DELAY_SECONDS"),
        description="longest delay between retries that a request may ask for",
    )
    trusted_proxies: Names = Field(
        (),
        validation_alias=env("JOBYARD_TRUSTED_PROXIES"),
        description="comma list of addresses and networks whose X-Forwarded-* headers count",
    )
    cors_origins: Names = Field(
        (),
        validation_alias=env("JOBYARD_CORS_ORIGINS"),
        description="comma list of origins whose pages may read answers, as in https://a.example",
    )
    events_heartbeat_seconds: float = Field(
        15.0,
        gt=0,
        validation_alias=env("JOBYARD_EVENTS_HEARTBEAT_SECONDS"),
        description="how long a stream of events stays silent",
    )
    events_lifetime_seconds: float = Field(
        900.0,
        gt=0,
        validation_alias=env("JOBYARD_EVENTS_LIFETIME_SECONDS"),
        description="how long a stream of events lasts; its client goes on in a new one",
    )
    # A client waits for the answer: the API gives up sooner, and counts this for a whole call.
    redis_timeout_seconds: float = Field(
        1.0,
        gt=0,
        validation_alias=env("JOBYARD_REDIS_TIMEOUT_SECONDS"),
        description="how long one answer of the store may take",
    )
    bootstrap_key: SecretStr | None = Field(
        None,
        validation_alias=env("JOBYARD_BOOTSTRAP_KEY"),
        description="an operator's key with all scopes, which the store does not know",
    )
    bootstrap_key_file: Path | None = Field(
        None,
        validation_alias=env("JOBYARD_BOOTSTRAP_KEY_FILE"),
        description="the same, read from a file",
    )
    auth: Literal["auto", "required", "open"] = Field(
        "auto",
        validation_alias=env("JOBYARD_AUTH"),
        description="auto asks for keys unless none is in use and only this machine reaches the "
        "API; required always; open never",
    )
    classic_public: bool = Field(
        False,
        validation_alias=env("JOBYARD_CLASSIC_PUBLIC"),
        description="true opens the classic routes to clients without a key (tenant public)",
    )

    @field_validator("bootstrap_key_file")
    @classmethod
    def _one_bootstrap_key(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and info.data.get("bootstrap_key") is not None:
            raise ValueError("JOBYARD_BOOTSTRAP_KEY is set too: give one of them")
        return value

    @field_validator("auth")
    @classmethod
    def _not_open_with_a_key(cls, value: str, info: ValidationInfo) -> str:
        given = info.data.get("bootstrap_key") or info.data.get("bootstrap_key_file")
        if value == "open" and given:
            raise ValueError("a bootstrap key is set too, which nobody would be asked for")
        return value

    @field_validator("trusted_proxies", "cors_origins", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return comma_list(value)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ipaddress.ip_network(each)) for each in value)

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if not _ORIGIN.fullmatch(each):
                raise ValueError(f"{each!r} is no origin: write scheme://host[:port], lower case")
        return value
