"""Where the server is that RQ's command line connected to, as settings of ours. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import redis
from redis.sentinel import SentinelConnectionPool

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILES = {"redis_ca": "ssl_ca_certs", "redis_cert": "ssl_certfile", "redis_key": "ssl_keyfile"}


def address_of(connection: redis.Redis) -> dict[str, str]:
    """``redis_url``, and the files of TLS where the connection names any."""
    pool = connection.connection_pool
    options = pool.connection_kwargs
    is_secure = issubclass(pool.connection_class, redis.SSLConnection) or "ssl_ca_certs" in options
    scheme = "rediss" if is_secure else "redis"
    files = {ours: options[theirs] for ours, theirs in _FILES.items() if options.get(theirs)}
    if isinstance(pool, SentinelConnectionPool):
        return {"redis_url": _sentinel_url(pool, scheme), **files}
    return {"redis_url": _plain_url(options, scheme), **files}


def _plain_url(options: Mapping[str, Any], scheme: str) -> str:
    who, database = _credentials(options), options.get("db") or 0
    if options.get("path"):
        return f"unix://{who}{options['path']}?db={database}"
    verify = options.get("ssl_cert_reqs", "required")
    query = "" if verify == "required" or scheme == "redis" else f"?ssl_cert_reqs={verify}"
    return f"{scheme}://{who}{_host(options)}/{database}{query}"


def _sentinel_url(pool: SentinelConnectionPool, scheme: str) -> str:
    sentinels = [
        client.connection_pool.connection_kwargs for client in pool.sentinel_manager.sentinels
    ]
    hosts = ",".join(_host(options) for options in sentinels)
    options = pool.connection_kwargs
    theirs = {
        f"sentinel_{name}": sentinels[0][name]
        for name in ("username", "password")
        if sentinels[0].get(name)
    }
    query = f"?{urlencode(theirs)}" if theirs else ""
    path = f"{pool.service_name}/{options.get('db') or 0}{query}"
    return f"{scheme}+sentinel://{_credentials(options)}{hosts}/{path}"


def _credentials(options: Mapping[str, Any]) -> str:
    user, password = options.get("username") or "", options.get("password") or ""
    return f"{quote(user, safe='')}:{quote(password, safe='')}@" if password else ""


def _host(options: Mapping[str, Any]) -> str:
    host = options.get("host", "127.0.0.1")
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{options.get('port', 6379)}"
