"""Settings of the command line: what `up` starts, and where the client finds the API."""

from __future__ import annotations

from typing import Self

from pydantic import Field, HttpUrl, SecretStr

from jobyard.settings import Settings, env


class UpSettings(Settings):
    """Settings of ``jobyard up``; the processes that it starts read the others themselves."""

    api_host: str = Field("127.0.0.1", validation_alias=env("JOBYARD_API_HOST"))
    api_port: int = Field(8000, ge=0, le=65535, validation_alias=env("JOBYARD_API_PORT"))
    workers: int = Field(2, ge=0, le=256, validation_alias=env("JOBYARD_WORKERS"))
    grace_seconds: float = Field(30.0, gt=0, validation_alias=env("JOBYARD_GRACE_SECONDS"))

    @property
    def uses_outside_store(self) -> bool:
        """Whether a server was named, so that none is started."""
        return "redis_url" in self.model_fields_set and bool(self.redis_url)

    def with_store(self, url: str) -> Self:
        """These settings with the store at ``url``."""
        return self.model_copy(update={"redis_url": url})


class ClientSettings(Settings):
    """Settings of the commands that talk to the API."""

    api_url: HttpUrl = Field(
        HttpUrl("http://127.0.0.1:8000"), validation_alias=env("JOBYARD_API_URL")
    )
    api_key: SecretStr | None = Field(None, validation_alias=env("JOBYARD_API_KEY"))
