"""An API process that ends says goodbye to those who follow or wait; they go on at another one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from support.event_stream import event_stream
from support.rest import Rest
from support.waiting import wait_for

if TYPE_CHECKING:
    from jobyard.store import Store
    from support.processes import Services


def test_a_stream_ends_with_its_process_and_goes_on_at_another(services: Services) -> None:
    with Rest(services, JOBYARD_API_DRAIN_SECONDS=0) as first, Rest(services) as second:
        job = first.submit("echo")
        job_id = job["id"]
        with event_stream(first.http, f"/v1/jobs/{job_id}/events") as stream:
            last = stream.next()
            first.service.term()
            stream.parser.retry_ms = None

            assert stream.rest() == []
        assert stream.parser.retry_ms is not None
        assert first.service.wait(10) == 0
        services.start("jobyard-worker", JOBYARD_QUEUES=job["queue"])

        with event_stream(second.http, f"/v1/jobs/{job_id}/events", last.id) as stream:
            assert [event.what for event in stream.rest()] == ["running", "succeeded"]


def test_who_waits_for_a_result_is_answered_before_the_process_ends(
    services: Services, store: Store
) -> None:
    with (
        Rest(services, JOBYARD_API_DRAIN_SECONDS=0) as rest,
        ThreadPoolExecutor(2) as pool,
    ):
        job = rest.submit("echo")
        path = f"/v1/jobs/{job['id']}/result"
        waiting = pool.submit(rest.http.get, path, params={"wait": "60s"})
        submitting = pool.submit(
            rest.http.post, "/v1/jobs", json={"task": "echo"}, headers={"Prefer": "wait=60"}
        )
        wait_for(lambda: "xread" in {client["cmd"] for client in store.client.client_list()})
        wait_for(lambda: store.client.llen(store.keys.queue(job["queue"])) == 2)

        rest.service.term()

        assert (waiting.result(20).status_code, submitting.result(20).status_code) == (202, 201)
        assert rest.service.wait(10) == 0
