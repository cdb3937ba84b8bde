"""Settings that every process shares, read once from the environment or ``.env``."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from jobyard.errors import ConfigurationError
from jobyard.keys import Keys
from jobyard.queues import check_name, split_names

Names = Annotated[tuple[str, ...], NoDecode]
"""A comma list in the environment, a tuple in code."""

CONNECTION = frozenset({
    "redis_url", "redis_ca", "redis_cert", "redis_key", "redis_timeout_seconds", "redis_username",
    "redis_password_file", "redis_sentinel_username", "redis_sentinel_password_file",
})  # fmt: skip
"""Fields that say where the store is and as whom to come, which a child is told by its parent."""


def env(name: str, *older: str) -> AliasChoices:
    """The environment names of a setting: ours first, then those of older systems."""
    return AliasChoices(name.lower(), *(alias.lower() for alias in older))


class Settings(BaseSettings):
    """The common base; each service adds its own class on top."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, populate_by_name=True
    )

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        validation_alias=env("JOBYARD_REDIS_URL", "REDIS_URL"),
        description="the store: redis:// rediss:// unix:// or redis+sentinel://",
    )
    redis_ca: str | None = Field(
        None,
        validation_alias=env("JOBYARD_REDIS_CA"),
        description="file of the authority that signed the store's certificate",
    )
    redis_cert: str | None = Field(
        None,
        validation_alias=env("JOBYARD_REDIS_CERT"),
        description="file of this client's certificate",
    )
    redis_key: str | None = Field(
        None, validation_alias=env("JOBYARD_REDIS_KEY"), description="file of this client's key"
    )
    redis_username: str | None = Field(
        None,
        validation_alias=env("JOBYARD_REDIS_USERNAME"),
        description="ACL user whose password is in the file below; the default user without",
    )
    redis_password_file: str | None = Field(
        None,
        validation_alias=env("JOBYARD_REDIS_PASSWORD_FILE"),
        description="file of the store's password, read for each new connection",
    )
    redis_sentinel_username: str | None = Field(
        None,
        validation_alias=env("JOBYARD_REDIS_SENTINEL_USERNAME"),
        description="the same for the sentinels",
    )
    redis_sentinel_password_file: str | None = Field(
        None,
        validation_alias=env("JOBYARD_REDIS_SENTINEL_PASSWORD_FILE"),
        description="file of the sentinels' password",
    )
    redis_timeout_seconds: float = Field(
        5.0,
        gt=0,
        validation_alias=env("JOBYARD_REDIS_TIMEOUT_SECONDS"),
        description="how long one answer of the store may take",
    )
    key_prefix: str = Field(
        "rq", validation_alias=env("RQ_KEY_PREFIX"), description="prefix of every key"
    )
    task_modules: Names = Field(
        (),
        validation_alias=env("JOBYARD_TASK_MODULES"),
        description="comma list of modules that declare tasks",
    )
    default_queue: str = Field(
        "default",
        validation_alias=env("JOBYARD_DEFAULT_QUEUE", "RQ_QUEUE_NAME"),
        description="queue of tasks that name none",
    )
    default_timeout_seconds: int = Field(
        180,
        gt=0,
        validation_alias=env("JOBYARD_DEFAULT_TIMEOUT_SECONDS", "RQ_DEFAULT_TIMEOUT"),
        description="timeout of tasks that name none",
    )
    large_bytes: int = Field(
        65_536,
        ge=1_024,
        validation_alias=env("JOBYARD_LARGE_BYTES"),
        description="payloads and results whose JSON is longer are kept apart from their job",
    )
    max_payload_bytes: int = Field(
        4_194_304,
        ge=1_024,
        le=33_554_432,
        validation_alias=env("JOBYARD_MAX_PAYLOAD_BYTES"),
        description="largest payload of a job, as JSON",
    )
    lease_seconds: float = Field(
        30.0,
        ge=1.0,
        validation_alias=env("JOBYARD_LEASE_SECONDS"),
        description="lease of a worker; the same for workers and schedulers",
    )
    log_format: Literal["json", "console"] = Field(
        "json", validation_alias=env("JOBYARD_LOG_FORMAT"), description="json or console"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        validation_alias=env("JOBYARD_LOG_LEVEL"),
        description="debug, info, warning or error",
    )

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("task_modules", mode="before")
    @classmethod
    def _modules(cls, value: Any) -> Any:
        return comma_list(value)

    @field_validator("default_queue")
    @classmethod
    def _queue(cls, value: str) -> str:
        return check_name(value, "queue")

    @field_validator("key_prefix")
    @classmethod
    def _prefix(cls, value: str) -> str:
        return Keys(value).prefix

    @property
    def keys(self) -> Keys:
        """Key names under the configured prefix."""
        return Keys(self.key_prefix)

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Reads the settings; ``overrides`` (field names) win over the environment.

        Raises:
            ConfigurationError: A value is wrong; the message names its variable.
        """
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise ConfigurationError(_explain(cls, error)) from None


class MetricsSettings(Settings):
    """For the services that show metrics; each adds ``metrics_port``, a port of its own.

    The host is this machine's own, as the API's: the metrics name tasks and queues, and nobody
    signs in to read them.
    """

    metrics_host: str = Field(
        "127.0.0.1",
        validation_alias=env("JOBYARD_METRICS_HOST"),
        description="address that shows metrics, to whoever reaches it; in a pod 0.0.0.0",
    )


def metrics_port_field(default: int) -> Any:
    """``metrics_port`` of one kind of service, which has ``default`` to itself."""
    return Field(
        default,
        ge=0,
        le=65535,
        validation_alias=env("JOBYARD_METRICS_PORT"),
        description="port of GET /metrics; 0 for any free one, which the log names",
    )


def help_of(settings: type[Settings]) -> str:
    """One line a setting for a command's ``--help``: its variable, meaning and default."""
    lines = ["settings (environment variables or .env):"]
    for name, field in settings.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        shown = ",".join(default) if isinstance(default, tuple) else default
        ending = f" [{shown}]" if shown not in (None, "") else ""
        lines.append(f"  {_variable(settings, name):<32} {field.description}{ending}")
    return "\n".join(lines)


def comma_list(value: Any) -> Any:
    """Validator body for a setting that is a comma list; empty parts are left out."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def queue_list(value: Any) -> Any:
    """Validator body for a setting that is a comma list of queue names."""
    return split_names(value) if isinstance(value, str) else value


def _explain(settings: type[BaseSettings], error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else settings.__name__
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{_variable(settings, name)}: {message} (got {problem['input']!r})")
    return "; ".join(lines)


def _variable(settings: type[BaseSettings], name: str) -> str:
    field = settings.model_fields.get(name)
    alias = field.validation_alias if field else None
    if isinstance(alias, AliasChoices):
        name = str(alias.choices[0])
    return name.upper()
