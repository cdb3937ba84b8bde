"""Submits one job over REST and waits for its result: what `helm test` runs.

``python submit_and_wait.py URL SECONDS``, key in ``JOBYARD_API_KEY``. Exits with 1 and a line that
says why unless the job succeeds in time.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from http import HTTPStatus
from typing import Any

PAYLOAD = {"a": 2, "b": 3}
RESULT = 5
TRIES = 30


def main(url: str, seconds: float) -> None:
    """Adds 2 and 3 in a worker."""
    ends = time.monotonic() + seconds
    job = call(f"{url}/v1/jobs", {"task": "add", "payload": PAYLOAD})
    print(f"submitted job {job['id']} to queue {job['queue']}")
    while job["state"] != "succeeded":
        if job["state"] in {"failed", "canceled", "expired"}:
            sys.exit(f"the job ended as {job['state']}: {job['error']}")
        if time.monotonic() > ends:
            sys.exit(f"after {seconds:g} s the job is still {job['state']}: is a worker ready?")
        time.sleep(0.2)
        job = call(f"{url}/v1/jobs/{job['id']}")
    if job["result"] != RESULT:
        sys.exit(f"2 + 3 is {RESULT}, but the job says {job['result']}")
    print(f"the job succeeded, its result is {RESULT}")


def call(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One request, a POST when it has a body; what is answered as JSON.

    It is sent again while the API or its store are away, under one idempotency key.
    """
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {os.environ['JOBYARD_API_KEY']}",
            "Content-Type": "application/json",
            "Idempotency-Key": uuid.uuid4().hex,
        },
    )
    for _ in range(TRIES - 1):
        try:
            return sent(request)
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                sys.exit(f"{error.code} {error.read().decode()}")
        except urllib.error.URLError as error:
            print(f"the API does not answer: {error.reason}")
        time.sleep(1)
    return sent(request)


def sent(request: urllib.request.Request) -> dict[str, Any]:
    """The answer to one request, as JSON."""
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
