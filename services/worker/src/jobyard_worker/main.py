"""``jobyard-worker``: the composition root. Settings come from the environment."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial

from jobyard.errors import ConfigurationError
from jobyard.observability.logging import configure_logging
from jobyard.settings import help_of
from jobyard_worker.keeping import Keeping
from jobyard_worker.settings import WorkerSettings
from jobyard_worker.signals import StopSignals
from jobyard_worker.wake import Wake

_WRONG_SETTINGS = 2


def main() -> None:
    """Works until SIGTERM, SIGINT or SIGQUIT; with ``--publish`` it only says what it has.

    Exit code 2 and one line when a setting is wrong.
    """
    arguments = _read_arguments()
    run = _publish if arguments.publish else partial(_work, StopSignals())
    try:
        settings = WorkerSettings.load()
        configure_logging("worker", settings)
        run(settings)
    except ConfigurationError as error:
        sys.stderr.write(f"jobyard-worker: {error}\n")
        sys.exit(_WRONG_SETTINGS)


def _publish(settings: WorkerSettings) -> None:
    from jobyard_worker.publisher import publish  # noqa: PLC0415 - what a worker imports later

    publish(settings)


def _work(signals: StopSignals, settings: WorkerSettings) -> None:
    wake = Wake()
    keeping = Keeping(settings, wake)  # first: it starts while this process still imports
    os.environ["RQ_KEY_PREFIX"] = settings.key_prefix  # RQ reads it when it is imported
    from jobyard.connection import connect  # noqa: PLC0415 - as above
    from jobyard_worker.worker import Worker  # noqa: PLC0415

    worker = Worker(list(settings.queues), connection=connect(settings), settings=settings)
    worker.serve(settings, keeping, wake, signals)


def parser() -> argparse.ArgumentParser:
    """What the command takes; its help lists the settings."""
    found = argparse.ArgumentParser(
        prog="jobyard-worker",
        description="Runs Jobyard's jobs.",
        epilog=help_of(WorkerSettings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--version", action="store_true", help="show the version and leave")
    found.add_argument(
        "--publish",
        action="store_true",
        help="tell the API of its tasks and queues, and leave: for pools without workers",
    )
    return found


def _read_arguments() -> argparse.Namespace:
    arguments = parser().parse_args()
    if arguments.version:
        from importlib import metadata  # noqa: PLC0415 - 50 ms that a start can do without

        sys.stdout.write(f"jobyard-worker {metadata.version('jobyard-worker')}\n")
        sys.exit()
    return arguments


if __name__ == "__main__":
    main()
