"""Builds all packages into ``dist`` and tries them where there is no workspace: ``make wheels``.

Each is installed into an empty environment of its own, from ``dist`` and the package index. Then a
job goes through services that share nothing but the store, and one through ``jobyard up``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias
from urllib.error import URLError
from urllib.request import urlopen

from jobyard_cli.yard.embedded import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
UV = Path(sys.executable).with_name("uv")
SERVICES = ("jobyard-api", "jobyard-worker", "jobyard-scheduler")
CLIENT, LOCAL = "jobyard-cli", "jobyard-cli[local]"
READY_SECONDS = 60.0
STOP_SECONDS = 60.0
FIND_STORE = "from jobyard_cli.yard.embedded import find_server; print(find_server())"

Programs: TypeAlias = dict[str, Path]
"""What was installed → the folder of its programs."""
Command: TypeAlias = list[str | Path]


def main() -> None:
    """Builds, installs, and runs a job both ways; fails where one of them does."""
    build: Command = [UV, "build", "--all-packages", "--clear", "--quiet", "--out-dir", DIST]
    subprocess.run(build, cwd=ROOT, check=True)
    with TemporaryDirectory(prefix="jobyard-wheels-") as folder:
        place = Path(folder)
        programs = {name: installed(name, place) for name in (*SERVICES, CLIENT, LOCAL)}
        for name in (*SERVICES, CLIENT):
            subprocess.run([programs[name] / name.removesuffix("-cli"), "--version"], check=True)
        run_apart(programs, place)
        run_together(programs, place)


def installed(name: str, place: Path) -> Path:
    """The folder of programs of a new environment that has ``name`` and what it needs."""
    environment = place / name
    subprocess.run([UV, "venv", "--quiet", environment], cwd=place, check=True)
    install: Command = [
        UV,
        "pip",
        "install",
        "--quiet",
        "--find-links",
        DIST,
        "--python",
        environment,
    ]
    subprocess.run([*install, name], cwd=place, check=True)
    return environment / "bin"


def run_apart(programs: Programs, place: Path) -> None:
    """A job through an API, a worker and a scheduler, each from an environment of its own."""
    find = subprocess.run(
        [programs[LOCAL] / "python", "-c", FIND_STORE], check=True, capture_output=True, text=True
    )
    store_port, api_port = free_port(), free_port()
    environment = {
        "JOBYARD_REDIS_URL": f"redis://127.0.0.1:{store_port}/0",
        "JOBYARD_API_PORT": str(api_port),
        "JOBYARD_METRICS_PORT": "0",
    }
    store: Command = [
        find.stdout.strip(),
        "--port",
        str(store_port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
    ]
    with ExitStack() as running:
        running.enter_context(started("store", store, place))
        for name in SERVICES:
            running.enter_context(started(name, [programs[name] / name], place, environment))
        run_job(programs[CLIENT], api_port)
    sys.stdout.write("A job went through services in environments of their own.\n")


def run_together(programs: Programs, place: Path) -> None:
    """A job through ``jobyard up``."""
    port = free_port()
    command: Command = [programs[LOCAL] / "jobyard", "up", "--port", str(port), "--workers", "1"]
    with started("up", command, place):
        run_job(programs[CLIENT], port)
    sys.stdout.write("A job went through jobyard up.\n")


@contextmanager
def started(
    name: str, command: Command, place: Path, environment: dict[str, str] | None = None
) -> Iterator[None]:
    """Runs a program, whose log is shown if the body fails, and stops it with SIGTERM."""
    log = place / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=place,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    except BaseException:
        sys.stderr.write(f"== {name}\n{log.read_text()}")
        raise
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def run_job(client: Path, port: int) -> None:
    """Submits a job and watches it to its end, once the API is ready."""
    await_ready(f"http://127.0.0.1:{port}/readyz")
    environment = {**os.environ, "JOBYARD_API_URL": f"http://127.0.0.1:{port}"}
    submit: Command = [client / "jobyard", "submit", "add", "--payload", '{"a": 2, "b": 3}']
    done = subprocess.run(submit, env=environment, check=True, capture_output=True)
    job = json.loads(done.stdout)
    subprocess.run([client / "jobyard", "watch", job["id"]], env=environment, check=True)


def await_ready(url: str) -> None:
    """Returns when ``url`` answers with 200.

    Raises:
        TimeoutError: It did not, within READY_SECONDS.
    """
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        try:
            with urlopen(url, timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise TimeoutError(f"{url} was not ready within {READY_SECONDS:g} s.")


if __name__ == "__main__":
    main()
