"""``jobyard-worker``: the composition root. Settings come from the environment."""

from __future__ import annotations

import argparse
import os
import sys

from jobyard.errors import ConfigurationError
from jobyard.observability.logging import configure_logging
from jobyard.settings import help_of
from jobyard_worker.keeping import Keeping
from jobyard_worker.settings import WorkerSettings
from jobyard_worker.signals import StopSignals
from jobyard_worker.wake import Wake

_WRONG_SETTINGS = 2


def main() -> None:
    """Works until SIGTERM, SIGINT or SIGQUIT; exit code 2 and one line when a setting is wrong."""
    _read_arguments()
    signals = StopSignals()
    try:
        settings = WorkerSettings.load()
        configure_logging("worker", settings)
        _work(settings, signals)
    except ConfigurationError as error:
        sys.stderr.write(f"jobyard-worker: {error}\n")
        sys.exit(_WRONG_SETTINGS)


def _work(settings: WorkerSettings, signals: StopSignals) -> None:
    wake = Wake()
    keeping = Keeping(settings, wake)  # first: it starts while this process still imports
    os.environ["RQ_KEY_PREFIX"] = settings.key_prefix  # RQ reads it when it is imported
    from jobyard.connection import connect  # noqa: PLC0415 - as above
    from jobyard_worker.worker import Worker  # noqa: PLC0415

    worker = Worker(list(settings.queues), connection=connect(settings), settings=settings)
    worker.serve(settings, keeping, wake, signals)


def _read_arguments() -> None:
    parser = argparse.ArgumentParser(
        prog="jobyard-worker",
        description="Runs Jobyard's jobs.",
        epilog=help_of(WorkerSettings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="show the version and leave")
    if parser.parse_args().version:
        from importlib import metadata  # noqa: PLC0415 - 50 ms that a start can do without

        sys.stdout.write(f"jobyard-worker {metadata.version('jobyard-worker')}\n")
        sys.exit()


if __name__ == "__main__":
    main()
