"""Seconds from `jobyard up` to the first finished job, and until it says that it is ready.

    .venv/bin/python bench/first_job.py [runs]

Each run starts in an empty directory on a free port, submits `add` as soon as the API takes it,
and polls the job until it has succeeded.
"""

from __future__ import annotations

import json
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

JOBYARD = Path(sys.executable).with_name("jobyard")
LIMIT_SECONDS = 60.0


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    finished, ready = zip(*(measure() for _ in range(runs)), strict=True)
    for name, seconds in (("first job finished", finished), ("said ready", ready)):
        shown = " ".join(f"{value:.2f}" for value in sorted(seconds))
        print(f"{name}: median {statistics.median(seconds):.2f} s of {runs} runs ({shown})")


def measure() -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as directory:
        port, began = free_port(), time.monotonic()
        with (Path(directory) / "log").open("wb") as log:
            yard = subprocess.Popen(
                [JOBYARD, "up", "--port", str(port)], cwd=directory, stdout=log, stderr=log
            )
        try:
            finish_a_job(f"http://127.0.0.1:{port}")
            finished = time.monotonic() - began
            until(lambda: "ready after" in (Path(directory) / "log").read_text())
            return finished, time.monotonic() - began
        finally:
            yard.send_signal(signal.SIGINT)
            yard.wait(60)


def finish_a_job(url: str) -> None:
    order = json.dumps({"task": "add", "payload": {"a": 2, "b": 3}}).encode()
    job = until(lambda: call(f"{url}/v1/jobs", order))
    until(lambda: (call(f"{url}/v1/jobs/{job['id']}") or {}).get("state") == "succeeded")


def call(url: str, body: bytes | None = None) -> dict[str, Any] | None:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except (urllib.error.URLError, OSError):
        return None


def until(condition: Any) -> Any:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("the yard did not do it in time")
        time.sleep(0.01)
    return value


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    main()
