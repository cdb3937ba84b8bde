"""What the yard asks before it says that it is ready: store, API, a worker of its own."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import httpx

from jobyard.connection import connect, describe
from jobyard.errors import JobyardError, StoreDataError, StoreUnavailableError
from jobyard.store import Store, calls

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from jobyard_cli.settings import UpSettings

POLL_SECONDS = 0.05


class PortTakenError(JobyardError):
    """Another process listens where the API should."""


class StoreMissingError(JobyardError):
    """The named server does not answer."""


def check_port(host: str, port: int) -> None:
    """Checks that the API can listen there.

    Raises:
        PortTakenError: It cannot.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise PortTakenError(
            f"The API cannot listen on {host}:{port} ({error.strerror}). Stop what listens there, "
            f"or choose another port: jobyard up --port {port + 1}"
        ) from None


def check_store(settings: UpSettings) -> None:
    """Checks that the outside server answers.

    Raises:
        StoreMissingError: It does not.
        ConfigurationError: Its URL cannot be read.
    """
    if reason := _store_trouble(settings):
        raise StoreMissingError(
            f"No store answers at {describe(settings.redis_url)} ({reason}). Start it, correct "
            "JOBYARD_REDIS_URL, or leave that unset: then an embedded server is started"
        )


def store_answers(settings: UpSettings) -> bool:
    """Whether the store takes commands."""
    return not _store_trouble(settings)


def api_is_ready(url: str) -> bool:
    """Whether the API says that it is ready."""
    try:
        return httpx.get(f"{url}/readyz", timeout=2, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def worker_is_ready(settings: UpSettings, pids: Collection[int]) -> bool:
    """Whether a worker of this machine with one of ``pids`` is registered."""
    store = Store(connect(settings), settings.keys)
    try:
        return any(worker.pid in pids for worker in store.run(calls.workers()))
    except (StoreUnavailableError, StoreDataError):
        return False
    finally:
        store.close()


def wait_until(is_true: Callable[[], bool], seconds: float) -> bool:
    """Polls ``is_true``; False when it did not become so within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _store_trouble(settings: UpSettings) -> str:
    store = Store(connect(settings), settings.keys)
    try:
        store.ping()
    except Exception as error:  # noqa: BLE001 - something that is no store may say anything
        return str(error)
    else:
        return ""
    finally:
        store.close()
