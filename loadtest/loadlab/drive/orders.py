"""The bodies of submissions: tasks drawn by weight, payloads of the size that is asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

    from loadlab.scenario import Chosen, Scenario


class Orders:
    """Draws jobs; each task's body is made once."""

    def __init__(self, scenario: Scenario, draw: random.Random) -> None:
        self._draw = draw
        self._batch_size = scenario.jobs.batch_size
        self._weights = [chosen.weight for chosen in scenario.tasks]
        self._bodies = [json.dumps(_job(scenario, chosen)).encode() for chosen in scenario.tasks]

    def one(self) -> bytes:
        """The body of ``POST /v1/jobs``."""
        return self._draw.choices(self._bodies, self._weights)[0]

    def batch(self) -> bytes:
        """The body of ``POST /v1/jobs/batch``."""
        chosen = self._draw.choices(self._bodies, self._weights, k=self._batch_size)
        return b'{"jobs":[%b]}' % b",".join(chosen)


def _job(scenario: Scenario, chosen: Chosen) -> dict[str, Any]:
    jobs = scenario.jobs
    payload = dict(chosen.payload)
    if chosen.padded:
        bare = len(json.dumps({**payload, "padding": ""}))
        payload["padding"] = "x" * max(0, jobs.payload_bytes - bare)
    job: dict[str, Any] = {"task": chosen.name, "payload": payload}
    if jobs.queue:
        job["queue"] = jobs.queue
    if jobs.result_ttl_seconds:
        job["result_ttl_seconds"] = jobs.result_ttl_seconds
    return job
