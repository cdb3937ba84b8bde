"""Submits a load of jobs over REST and waits until each has ended: the chart's loadtest Job.

``python load.py URL JOBS TASK PAYLOAD``, key in ``JOBYARD_API_KEY``. Prints how the jobs ended and
exits with 1 unless all of them succeeded.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from http import HTTPStatus
from typing import Any

BATCH = 250
LOOK_SECONDS = 0.5
TRIES = 60
ENDED = {"succeeded", "failed", "canceled", "expired"}


def main(url: str, jobs: int, task: str, payload: str) -> None:
    """Submits ``jobs`` jobs, then looks at each until it has ended."""
    began = time.monotonic()
    ids = submit(url, jobs, {"task": task, "payload": json.loads(payload)})
    print(f"submitted {len(ids)} jobs in {time.monotonic() - began:.1f} s")
    ends = Counter(end_of(url, each) for each in ids)
    print(f"ended after {time.monotonic() - began:.1f} s: {dict(ends)}")
    sys.exit(ends["succeeded"] != jobs)


def submit(url: str, jobs: int, job: dict[str, Any]) -> list[str]:
    """Ids of the jobs; the first one that is refused is the end."""
    taken: list[str] = []
    for start in range(0, jobs, BATCH):
        answers = call(f"{url}/v1/jobs/batch", {"jobs": [job] * min(BATCH, jobs - start)})
        for each in answers["results"]:
            if "job" not in each:
                sys.exit(f"a job was refused: {each['problem']}")
            taken.append(each["job"]["id"])
    return taken


def end_of(url: str, job_id: str) -> str:
    """The state in which a job has ended."""
    while (state := call(f"{url}/v1/jobs/{job_id}")["state"]) not in ENDED:
        time.sleep(LOOK_SECONDS)
    return str(state)


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
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])
