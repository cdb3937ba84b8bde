"""Fixtures of all tests: a real server of each engine, clients, services with their logs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings as hypothesis_settings

from jobyard.connection import connect
from jobyard.settings import Settings
from support.figures import Figures, lines_of
from support.ledger import LEDGER_VARIABLE, TASK_MODULE, Ledger
from support.processes import Services
from support.servers import Engine, StoreServer, binary_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from jobyard.store import Store
    from support.servers import RawClient
    from support.side_by_side import SideBySide

STORE_TESTS = Path(__file__).parent / "store"
_KEPT = ("JOBYARD_TEST_", "JOBYARD_ALLOW_", "JOBYARD_CHAOS_")
_SERVICES = pytest.StashKey[Services]()

# Without a deadline: how long an example takes says more of the machine than of the product.
hypothesis_settings.register_profile("yard", deadline=None)
hypothesis_settings.load_profile("yard")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine",
        choices=[*Engine, "both", "needed"],
        default="needed",
        help="the server to run on; needed (the default) is both for the tests of the store and "
        "those marked both_engines, and Valkey (or what is installed) for the others",
    )
    parser.addoption(
        "--thorough",
        action="store_true",
        help="faults at full length: more jobs, more kills, longer holds (minutes more)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The settings of whoever runs the tests must not decide how they end."""
    for name in list(os.environ):
        if name.startswith(("JOBYARD_", "REDIS_URL")) and not name.startswith(_KEPT):
            del os.environ[name]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        engines = engines_of(metafunc.definition, metafunc.config.getoption("--engine"))
        metafunc.parametrize("engine", engines, ids=str, scope="session")


def engines_of(test: pytest.Item, chosen: str) -> list[Engine]:
    """Both where the server can make a difference, one where it only serves other parts."""
    if chosen not in {"needed", "both"}:
        return [Engine(chosen)]
    matters = test.path.is_relative_to(STORE_TESTS) or test.get_closest_marker("both_engines")
    if chosen == "both" or matters:
        return list(Engine)
    return [next((engine for engine in Engine if binary_of(engine)), Engine.VALKEY)]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SideBySide | None:
    """With ``-n``, unless ``--dist`` asks for another way to share the tests out."""
    from support.side_by_side import SideBySide  # noqa: PLC0415 (only where xdist is at work)

    return SideBySide(config, log) if config.getoption("dist") == "load" else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    services = item.stash.get(_SERVICES, None)
    if services is not None and report.failed:
        report.sections.extend(services.logs())
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of what was measured, also by the tests of other processes of this run."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    lines = [line for report in reports for line in lines_of(report)]
    if lines:
        terminalreporter.section("measured")
        terminalreporter.write("".join(f"{line}\n" for line in sorted(lines)))


@pytest.fixture
def is_thorough(request: pytest.FixtureRequest) -> bool:
    """Whether a fault is to be injected at full length."""
    return bool(request.config.getoption("--thorough"))


@pytest.fixture(scope="session")
def session_server(engine: Engine) -> Iterator[StoreServer]:
    """The server that all tests of one engine share; tests take ``server`` instead."""
    require(engine)
    with StoreServer(engine) as server:
        yield server


@pytest.fixture
def server(session_server: StoreServer) -> StoreServer:
    """A running, empty server. A test that ends it finds a new one next time."""
    if session_server.is_running:
        session_server.resume()
    else:
        session_server.restart()
    with session_server.client() as client:
        client.flushall()
    return session_server


@pytest.fixture
def durable_server(engine: Engine) -> Iterator[StoreServer]:
    """A server of the test's own with an append-only file: kill and restart it at will."""
    require(engine)
    with StoreServer(engine, aof=True) as server:
        yield server


@pytest.fixture
def settings(server: StoreServer) -> Settings:
    """The common settings, pointing at ``server``."""
    return Settings.load(redis_url=server.url, _env_file=None)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """The synchronous store on ``server``."""
    from jobyard.store import Store  # noqa: PLC0415 (pure tests need no store)

    store = Store(connect(settings), settings.keys)
    yield store
    store.close()


@pytest.fixture
def client(server: StoreServer) -> Iterator[RawClient]:
    """A plain client of ``server``: what the store really holds."""
    with server.client() as client:
        yield client


@pytest.fixture
def rq_connection(client: RawClient) -> RawClient:
    """The connection that RQ's own classes take."""
    return client


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str, object], None]:
    """``figure(name, value)`` puts a measured value into the table at the end of the run."""
    return Figures(request.node).note


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """The ledger of services started with ``services``."""
    return Ledger(tmp_path / "ledger")


@pytest.fixture
def services(
    request: pytest.FixtureRequest, server: StoreServer, ledger: Ledger, tmp_path: Path
) -> Iterator[Services]:
    """Starts services on ``server``: ``services.start("jobyard-worker", JOBYARD_QUEUES="q")``.

    Their logs are shown when the test fails; they are gone when it ends.
    """
    services = Services(tmp_path, service_environment(server.url, ledger))
    request.node.stash[_SERVICES] = services
    yield services
    services.end()


def service_environment(url: str, ledger: Ledger) -> dict[str, str]:
    """What every service of a test is started with."""
    return {
        "JOBYARD_REDIS_URL": url,
        "JOBYARD_TASK_MODULES": TASK_MODULE,
        "JOBYARD_METRICS_PORT": "0",
        "JOBYARD_API_DRAIN_SECONDS": "0",
        "JOBYARD_LOG_LEVEL": "debug",
        LEDGER_VARIABLE: str(ledger.path),
    }


def require(engine: Engine) -> None:
    """Skips where the engine is not installed; on CI its absence is a failure."""
    if binary_of(engine) is not None:
        return
    reason = f"{engine}-server is not installed (apt-get install {engine}-server)"
    if os.environ.get("CI") == "true" and not os.environ.get("JOBYARD_ALLOW_NO_REDIS"):
        pytest.fail(f"{reason}; JOBYARD_ALLOW_NO_REDIS=1 skips these tests", pytrace=False)
    pytest.skip(reason)
