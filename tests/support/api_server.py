"""The API inside the test's process, on a real socket: quick to reach, one for each engine."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from jobyard_api.application import create_app
from jobyard_api.main import bind
from jobyard_api.serving import Server
from jobyard_api.settings import ApiSettings
from support.documented import check_documented
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

    from support.servers import StoreServer


@contextlib.contextmanager
def running_api(url: str, **overrides: object) -> Iterator[str]:
    """Runs the API over the store at ``url``; yields its base URL.

    It takes jobs for any queue unless it is told not to: most tests start no worker.
    """
    chosen = {"any_queue": True, **overrides}
    settings = ApiSettings.load(_env_file=None, redis_url=url, **chosen)
    with _serving(create_app(settings), settings) as base_url:
        yield base_url


@contextlib.contextmanager
def served(app: FastAPI, **overrides: object) -> Iterator[str]:
    """Runs another application on the API's server."""
    with _serving(app, ApiSettings.load(_env_file=None, **overrides)) as base_url:
        yield base_url


@contextlib.contextmanager
def _serving(app: FastAPI, settings: ApiSettings) -> Iterator[str]:
    listener = bind(settings.model_copy(update={"api_port": 0}))
    server = Server(app, settings)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        wait_for(lambda: server.started, 20, "the API does not start")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def api_url(session_server: StoreServer) -> Iterator[str]:
    """The API that the tests of a module share. Not longer: it publishes tasks all the time."""
    with running_api(session_server.url) as base_url:
        yield base_url


@pytest.fixture(scope="module")
def api_client(api_url: str) -> Iterator[httpx.Client]:
    """One client for a module's tests: to make one takes longer than most tests.

    Whatever it is answered is compared with the OpenAPI document.
    """
    hooks: Any = {"response": [check_documented]}
    with httpx.Client(base_url=api_url, timeout=30, event_hooks=hooks) as client:
        yield client


@pytest.fixture
def api(server: StoreServer, api_client: httpx.Client) -> httpx.Client:
    """A client of the API over an empty store."""
    api_client.cookies.clear()
    return api_client
