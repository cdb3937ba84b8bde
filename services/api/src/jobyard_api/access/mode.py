"""Whether a key is asked for: by the settings, the address, and what the store knows."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from jobyard.api_keys import PREFIX, digest_of, id_in
from jobyard.connection import connect
from jobyard.errors import ConfigurationError, StoreDataError, StoreUnavailableError
from jobyard.store import Store
from jobyard.store.access_calls import access

if TYPE_CHECKING:
    from jobyard_api.settings import ApiSettings

_SHORTEST = 32
_PRINTABLE = re.compile(rf"[\x21-\x7e]{{{_SHORTEST},200}}")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def may_stand_open(settings: ApiSettings) -> bool:
    """Whether nobody is asked for a key as long as none is in use."""
    return (
        settings.auth == "auto" and not has_bootstrap(settings) and is_loopback(settings.api_host)
    )


def has_bootstrap(settings: ApiSettings) -> bool:
    """Whether the settings bring a key."""
    return bool(settings.bootstrap_key or settings.bootstrap_key_file)


def bootstrap_digest(settings: ApiSettings) -> bytes | None:
    """SHA-256 of the operator's key that the settings bring; None where they bring none.

    Raises:
        ConfigurationError: The file cannot be read, or what it holds is no key.
    """
    if settings.bootstrap_key_file:
        name, text = "JOBYARD_BOOTSTRAP_KEY_FILE", _read(settings)
    elif settings.bootstrap_key:
        name, text = "JOBYARD_BOOTSTRAP_KEY", settings.bootstrap_key.get_secret_value()
    else:
        return None
    text = text.strip()
    if not _PRINTABLE.fullmatch(text):
        raise ConfigurationError(
            f"{name}: use a key of `jobyard keys new`, or {_SHORTEST} to 200 random letters"
        )
    if text.startswith(PREFIX) and id_in(text) is None:
        raise ConfigurationError(f"{name}: the key was mistyped, its checksum does not fit")
    return digest_of(text)


def refuse_to_stand_open(settings: ApiSettings) -> None:
    """Stops an API that others reach and that would ask nobody for a key.

    Where the store does not answer yet, keys are asked for: nothing opens by accident.

    Raises:
        ConfigurationError: No key is in use.
    """
    bootstrap_digest(settings)
    if settings.auth != "auto" or has_bootstrap(settings) or is_loopback(settings.api_host):
        return
    store = Store(connect(settings), settings.keys)
    try:
        if store.run(access()).keys_in_use:
            return
    except (StoreUnavailableError, StoreDataError):
        return
    finally:
        store.close()
    raise ConfigurationError(
        f"others reach {settings.api_host}, and no API key is in use. Make one with "
        "`jobyard keys create`, or set JOBYARD_BOOTSTRAP_KEY; JOBYARD_AUTH=open lets everybody "
        "do everything"
    )


def _read(settings: ApiSettings) -> str:
    assert settings.bootstrap_key_file is not None  # noqa: S101 - asked before
    try:
        return settings.bootstrap_key_file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"JOBYARD_BOOTSTRAP_KEY_FILE: cannot read {settings.bootstrap_key_file} ({reason})"
        ) from None
