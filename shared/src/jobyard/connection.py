"""Opens the clients of the store: TLS, ACL user, Sentinel, timeouts. The only place that does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from typing_extensions import override

from jobyard.errors import ConfigurationError
from jobyard.unasked import absent

with absent("opentelemetry"):  # its metrics, which the client takes 0.2 s to import for nothing
    import redis
    import redis.asyncio
    from redis.asyncio.retry import Retry as AsyncRetry
    from redis.backoff import NoBackoff
    from redis.credentials import CredentialProvider
    from redis.maint_notifications import MaintNotificationsConfig
    from redis.retry import Retry

if TYPE_CHECKING:
    import socket

    from jobyard.settings import Settings

_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")

BLOCK_SECONDS = 1.0
"""The longest that a blocking read waits; socket timeouts stay above it."""


def connect(settings: Settings) -> redis.Redis:
    """A synchronous client. It connects on first use; one repeat on a stale connection.

    Raises:
        ConfigurationError: The URL cannot be read.
    """
    options = {**_options(settings), "retry": Retry(NoBackoff(), 1)}
    try:
        if "+sentinel" in settings.redis_url:
            sentinel: redis.Redis = _sentinel(redis, settings, options)
            return sentinel
        return redis.Redis.from_url(settings.redis_url, **_tls(settings), **options)
    except (ValueError, redis.RedisError) as error:
        raise _wrong_url(settings, error) from None


def connect_async(settings: Settings) -> redis.asyncio.Redis:
    """An asynchronous client, as ``connect``, but that its caller sees to the time of a call.

    redis-py would make a task of the event loop for each send that has a timeout.

    Raises:
        ConfigurationError: The URL cannot be read.
    """
    options = {
        **_options(settings),
        "socket_timeout": None,
        "retry": AsyncRetry(NoBackoff(), 1),
    }
    try:
        if "+sentinel" in settings.redis_url:
            sentinel: redis.asyncio.Redis = _sentinel(redis.asyncio, settings, options)
            return sentinel
        return redis.asyncio.Redis.from_url(settings.redis_url, **_tls(settings), **options)
    except (ValueError, redis.RedisError) as error:
        raise _wrong_url(settings, error) from None


def describe(url: str) -> str:
    """The URL without its password, for logs and messages."""
    if "://" not in url:
        return url.rpartition("@")[2]
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def socket_of(connection: redis.connection.AbstractConnection) -> socket.socket | None:
    """What to wait on for an answer beside other things; redis-py has no public name for it."""
    connected: socket.socket | None = connection._sock  # noqa: SLF001
    return connected


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "socket_timeout": settings.redis_timeout_seconds,
        "socket_connect_timeout": min(settings.redis_timeout_seconds, 2.0),
        "socket_keepalive": True,
        "health_check_interval": 30,
        # A hosted service's announcements; every other server refuses the subscription.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        **_credentials(settings.redis_username, settings.redis_password_file),
    }


class _PasswordFile(CredentialProvider):
    """Reads the password for each new connection: one that changes needs no restart."""

    def __init__(self, username: str | None, path: str) -> None:
        self._username = username
        self._path = Path(path)

    @override
    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Raises ``redis.ConnectionError`` when the file cannot be read: the store is away."""
        try:
            password = self._path.read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise redis.ConnectionError(f"cannot read the store's password: {error}") from error
        return (self._username, password) if self._username else (password,)

    @override
    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """The same: a mounted file is in memory. redis-py's own warns with each connection."""
        return self.get_credentials()


def _credentials(username: str | None, path: str | None) -> dict[str, Any]:
    return {"credential_provider": _PasswordFile(username, path)} if path else {}


def _tls(settings: Settings) -> dict[str, Any]:
    if not settings.redis_url.startswith("rediss"):
        return {}
    files = {
        "ssl_ca_certs": settings.redis_ca,
        "ssl_certfile": settings.redis_cert,
        "ssl_keyfile": settings.redis_key,
    }
    return {name: path for name, path in files.items() if path}


def _sentinel(module: Any, settings: Settings, options: dict[str, Any]) -> Any:
    """``redis+sentinel://[user:password@]host:port[,host:port…]/service[/db]``.

    ``?sentinel_username=…&sentinel_password=…`` where the sentinels ask for their own.
    """
    parts = urlsplit(settings.redis_url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    service, _, database = parts.path.strip("/").partition("/")
    if not hosts or not service:
        raise ValueError("a Sentinel URL is redis+sentinel://host:port,host:port/service/db")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    tls = {"ssl": True, **_tls(settings)} if parts.scheme.startswith("rediss") else {}
    sentinel = module.sentinel.Sentinel(
        [_address(host) for host in hosts.split(",")],
        sentinel_kwargs={
            "username": query.get("sentinel_username"),
            "password": query.get("sentinel_password"),
            **_credentials(settings.redis_sentinel_username, settings.redis_sentinel_password_file),
            "socket_timeout": options["socket_connect_timeout"],
            "socket_connect_timeout": options["socket_connect_timeout"],
            # One that is gone costs the call that asks it no more than this: the next one answers.
            "retry": module.retry.Retry(NoBackoff(), 0),
            **tls,
        },
        username=unquote(user) or None,
        password=unquote(password) or None,
        db=int(database or 0),
        **tls,
        **options,
    )
    return sentinel.master_for(service)


def _address(host: str) -> tuple[str, int]:
    name, _, port = host.rpartition(":")
    return (name, int(port)) if name else (port, 26379)


def _wrong_url(settings: Settings, error: Exception) -> ConfigurationError:
    shown = describe(settings.redis_url)
    return ConfigurationError(
        f"JOBYARD_REDIS_URL: cannot read {shown!r} ({error}). Use one of {', '.join(_SCHEMES)}, "
        "as in redis://user:password@host:6379/0"
    )
