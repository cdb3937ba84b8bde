"""`make observe`: a yard on this machine, watched by a real Prometheus, with something to see."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from monitoring.__main__ import files
from monitoring.load import ENVIRONMENT, SteadyLoad
from monitoring.prometheus import arguments, configuration

if TYPE_CHECKING:
    from collections.abc import Sequence

YARD = Path(".jobyard")
TARGETS = "prometheus-targets.json"
LOAD_A_SECOND = 5
POLL_SECONDS = 0.2
STOP_SECONDS = 60.0
"""A yard needs its grace and a little more."""
_POOL = {"name": "default", "queues": ["default", "high", "low", "notifications"], "max": 4}
_USUAL = {
    "JOBYARD_LOG_FORMAT": "console",
    "JOBYARD_LOG_LEVEL": "error",  # the load and its failures would bury what is said here
    "JOBYARD_POOLS": json.dumps([_POOL]),
    **ENVIRONMENT,
}


def main() -> None:
    """Runs yard, Prometheus and load until Ctrl-C or until one of them ends; stops them all."""
    options, rest = _read_arguments()
    program = shutil.which("prometheus")
    if program is None:
        sys.exit(
            "Prometheus is not installed. On Debian and Ubuntu: apt-get install prometheus; "
            "elsewhere put the program `prometheus` on the PATH."
        )
    prometheus_port = _free_port(options.prometheus_port)
    stopping = _on_signals()
    yard = subprocess.Popen(
        [_beside("jobyard"), "up", "--port", str(options.port), *rest],
        env={**_USUAL, **os.environ},
        start_new_session=True,  # Ctrl-C is for us, who stop everything in order
    )
    watcher = subprocess.Popen([program, *_prepared(prometheus_port)], start_new_session=True)
    try:
        with SteadyLoad(f"http://127.0.0.1:{options.port}", LOAD_A_SECOND):
            _say(f"Prometheus http://127.0.0.1:{prometheus_port}: graphs, alerts, rules, targets")
            _say(f"API http://127.0.0.1:{options.port}/docs, {LOAD_A_SECOND} jobs a second")
            _say("dashboards for Grafana: helm/jobyard/dashboards; Ctrl-C stops everything")
            _wait(stopping, [yard, watcher])
    finally:
        _stop([yard, watcher])
    sys.exit(0 if stopping.is_set() else 1)


def _read_arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        prog="make observe", description=__doc__, epilog="What else is given goes to `jobyard up`."
    )
    parser.add_argument("--port", type=int, default=8000, help="of the API [8000]")
    parser.add_argument("--prometheus-port", type=int, default=9090, help="[9090, or a free one]")
    return parser.parse_known_args()


def _free_port(wanted: int) -> int:
    """``wanted``, or another where somebody listens there, as Debian's own service does."""
    for port in (wanted, 0):
        try:
            with socket.create_server(("127.0.0.1", port)) as listener:
                return int(listener.getsockname()[1])
        except OSError:
            continue
    sys.exit("No port is free on 127.0.0.1.")


def _on_signals() -> threading.Event:
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def _beside(command: str) -> str:
    return str(Path(sys.executable).with_name(command))


def _prepared(port: int) -> list[str]:
    """Writes what Prometheus reads, relative to its configuration; returns its arguments."""
    directory = YARD / "prometheus"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "rules.yaml").write_text(files()["rules/jobyard.yaml"])
    config = directory / "prometheus.yaml"
    config.write_text(configuration(Path("..") / TARGETS, Path("rules.yaml"), "5s"))
    return arguments(config, directory / "series", port)


def _say(text: str) -> None:
    sys.stdout.write(f"observe   | {text}\n")
    sys.stdout.flush()


def _wait(stopping: threading.Event, processes: Sequence[subprocess.Popen[bytes]]) -> None:
    while not stopping.wait(POLL_SECONDS):
        if any(process.poll() is not None for process in processes):
            return


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """The yard first, so that Prometheus sees its end."""
    for process in processes:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


if __name__ == "__main__":
    main()
