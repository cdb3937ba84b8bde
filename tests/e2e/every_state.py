"""Jobs in every state that there is, put there through the API and by code of plain RQ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rq import Queue
from rq.serializers import JSONSerializer

from e2e.jobs import recorded
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.client import Client
    from support.servers import RawClient

LONG_SECONDS = 40.0
HOUR = 3_600
FUNCTION = "time.sleep"
"""What the jobs of plain RQ code call."""

States = dict[str, str]
"""Job id → the state that it is in."""


class EveryState:
    """Puts jobs into queue ``drill``, which a worker serves, and ``held``, which is paused."""

    def __init__(self, client: Client, store: RawClient) -> None:
        self._client, self._store = client, store

    def make(self) -> States:
        """Jobs in every state but ``canceling``, which lasts as long as a worker does not look."""
        steps: dict[str, Callable[[], list[str]]] = {
            "expired": self._expired,
            "succeeded": lambda: [self._submit(recorded("drill", 0.0))],
            "failed": lambda: [self._submit({"task": "fail", "queue": "drill"})],
            "canceled": self._canceled,
            "retrying": self._retrying,
            "scheduled": lambda: [self._submit(recorded("drill", 0.0) | {"delay_seconds": HOUR})],
            "queued": self._queued,
            "running": lambda: [self._submit(recorded("drill", LONG_SECONDS)) for _ in "ab"],
        }
        made = {job_id: state for state, step in steps.items() for job_id in step()}
        running, blocked = self._blocked()
        made |= {running: "running", blocked: "blocked"}
        self.wait_for(made, 60)
        return made

    def wait_for(self, expected: States, seconds: float) -> None:
        """Waits until these jobs are in these states; otherwise says which are not, and why."""

        def others() -> dict[str, str]:
            jobs = {each: self._job(each) for each in expected}
            return {
                each: f"{job.get('state')}, not {expected[each]}: {job.get('error')}"
                for each, job in jobs.items()
                if job.get("state") != expected[each]
            }

        wait_for(lambda: not others(), seconds, lambda: str(others()), interval_seconds=0.2)

    def found(self, ids: States) -> States:
        """The states that these jobs are in now."""
        return {each: self._job(each).get("state", "gone") for each in ids}

    def _submit(self, job: dict[str, Any]) -> str:
        reply = self._client.http.post("/v1/jobs", json=job)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    def _job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._client.http.get(f"/v1/jobs/{job_id}").json()
        return found

    def _expired(self) -> list[str]:
        """It ends where it would start, and that is after its time."""
        self._switch("drill", "pause")
        ends = datetime.now(UTC) + timedelta(seconds=1)
        job_id = self._submit(recorded("drill", 0.0) | {"expires_at": ends.isoformat()})
        wait_for(lambda: datetime.now(UTC) > ends)
        self._switch("drill", "resume")
        return [job_id]

    def _canceled(self) -> list[str]:
        job_id = self._submit(recorded("drill", 0.0) | {"delay_seconds": HOUR})
        assert self._client.http.post(f"/v1/jobs/{job_id}/cancel").is_success
        return [job_id]

    def _retrying(self) -> list[str]:
        retry = {"max_retries": 1, "delays_seconds": [HOUR]}
        return [self._submit({"task": "fail", "queue": "drill", "retry": retry})]

    def _queued(self) -> list[str]:
        self._switch("held", "pause")
        return [self._submit(recorded("held", 0.0)) for _ in range(20)]

    def _blocked(self) -> tuple[str, str]:
        """Two jobs of plain RQ code, the second of which waits for the first."""
        queue = Queue("drill", connection=self._store, serializer=JSONSerializer)
        first = queue.enqueue(FUNCTION, LONG_SECONDS, job_timeout=HOUR)
        second = queue.enqueue(FUNCTION, 0, depends_on=first, job_timeout=HOUR)
        return first.id, second.id

    def _switch(self, queue: str, what: str) -> None:
        reply = self._client.http.post(f"/v1/queues/{queue}/{what}")
        assert reply.is_success, reply.text
