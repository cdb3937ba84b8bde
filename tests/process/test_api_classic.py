"""The routes of the five former systems, as their clients know them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from jobyard.store import Store, calls
from jobyard.store.records.delivery import ErrorInfo, Failed, JournalEntry, Retrying, Succeeded
from jobyard_api.routes.classic.appointment import Appointment
from support.builders import build_nonce

if TYPE_CHECKING:
    import httpx

    from jobyard.store.records.delivery import Claimed, Settlement

MAIL = {"to": "a@example.com", "subject": "s", "body": "b"}
ERROR = ErrorInfo("ValueError", "no", "Traceback: no")


def claim(store: Store, *queues: str) -> list[Claimed]:
    store.run(calls.join("tester", pool="p", slots=8, lease_seconds=60))
    return list(store.run(calls.claim("tester", build_nonce(), queues, 100)).jobs)


def settle(store: Store, kind: type[Settlement], job: Claimed, **fields: Any) -> None:
    ended = kind(id=job.id, token=job.token, started=0.0, ended=0.0, **fields)
    store.run(calls.settle("tester", [ended]))


def test_the_root_says_that_the_server_runs(api: httpx.Client) -> None:
    reply = api.get("/")

    assert reply.status_code == 200
    assert "running" in reply.json()["message"]


def test_a_random_number_is_asked_for(api: httpx.Client, store: Store) -> None:
    reply = api.post("/job", json={"lowest": 2, "highest": 7, "ignored": True})

    assert reply.status_code == 200
    assert set(reply.json()) == {"success", "job_id"}
    assert reply.json()["success"] is True
    record = store.run(calls.read(reply.json()["job_id"]))
    assert record is not None
    assert (record.task, record.queue) == ("random_number", "notifications")
    assert record.payload == {"lowest": 2, "highest": 7}
    assert record.result_ttl_seconds == 500


def test_a_past_appointment_is_recorded_at_once(api: httpx.Client, store: Store) -> None:
    visit = {"date": "12-09-2024", "time": "11:00 am", "description": "dentist"}

    reply = api.post("/schedule-appointment", json=visit)

    assert reply.status_code == 200
    assert reply.json()["success"] is True
    assert reply.json()["message"] == "Appointment scheduled for 12-09-2024 at 11:00 am"
    page = store.run(calls.list_jobs("notifications"))
    assert [(job.task, job.state) for job in page.jobs] == [("schedule_appointment", "queued")]
    assert page.jobs[0].payload == visit


def test_a_future_appointment_is_notified_at_its_time(api: httpx.Client, store: Store) -> None:
    visit = {"date": "31-12-2098", "time": "1:05 PM", "description": "dentist"}

    api.post("/schedule-appointment", json=visit).raise_for_status()

    later, now = store.run(calls.list_jobs("notifications")).jobs
    assert (now.task, now.state) == ("schedule_appointment", "queued")
    assert (later.task, later.state) == ("notification", "scheduled")
    assert later.scheduled_for == datetime(2098, 12, 31, 13, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("clock", "hour"), [("12:00 am", 0), ("12:00 pm", 12), ("1:00pm", 13), ("11:00 AM", 11)]
)
def test_a_twelve_hour_clock_is_read_as_people_do(clock: str, hour: int) -> None:
    visit = Appointment(date="1-2-2030", time=clock, description="")

    assert visit.at == datetime(2030, 2, 1, hour, tzinfo=UTC)


def test_notifications_are_shown_in_order_of_arrival(api: httpx.Client, store: Store) -> None:
    for number in range(2):
        api.post("/v1/jobs", json={"task": "notification"}).raise_for_status()
        [job] = claim(store, "notifications")
        entry = JournalEntry("notifications", f"Notification at {number}")
        settle(store, Succeeded, job, result=b"null", journal=(entry,))

    found = api.get("/notifications").json()

    assert found == {"notifications": ["Notification at 0", "Notification at 1"]}


def test_a_task_is_received(api: httpx.Client) -> None:
    body = {"task": "echo", "payload": {"x": 1}, "queue": "q", "ignored": 1}

    reply = api.post("/app/tasks/receive", json=body)

    assert reply.status_code == 200
    assert set(reply.json()) == {"job_id", "status"}
    assert reply.json()["status"] == "queued"
    assert api.get(f"/v1/jobs/{reply.json()['job_id']}").json()["payload"] == {"x": 1}


def test_a_received_task_is_cancelled_once(api: httpx.Client) -> None:
    job_id = api.post("/app/tasks/receive", json={"task": "echo"}).json()["job_id"]

    first = api.post("/app/tasks/cancel", json={"job_id": job_id})
    second = api.post("/app/tasks/cancel", json={"job_id": job_id})
    unknown = api.post("/app/tasks/cancel", json={"job_id": "nope"})

    assert (first.status_code, first.json()) == (200, {"job_id": job_id, "status": "canceled"})
    assert (second.status_code, second.json()["job_status"]) == (409, "canceled")
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "Job not found")


def test_jobs_are_listed_by_how_far_they_came(api: httpx.Client, store: Store) -> None:
    ids = [
        api.post("/app/tasks/receive", json={"task": "echo", "queue": "q"}).json()["job_id"]
        for _ in range(5)
    ]
    deliveries = claim(store, "q")[:2]
    settle(store, Succeeded, deliveries[0], result=b"1")
    settle(store, Failed, deliveries[1], error=ERROR)
    canceled, *waiting = (
        api.post("/app/tasks/receive", json={"task": "echo", "queue": "r"}).json()["job_id"]
        for _ in range(3)
    )
    api.post("/app/tasks/cancel", json={"job_id": canceled})

    def listed(name: str, **params: Any) -> list[str]:
        found = api.get(f"/app/tasks/{name}_jobs", params=params).json()
        assert found["count"] == len(found["jobs"])
        return [job["job_id"] for job in found["jobs"]]

    assert listed("finished") == [ids[0]]
    assert listed("failed") == [ids[1]]
    assert listed("cancelled") == [canceled]
    assert listed("queued") == waiting[::-1]
    assert listed("queued", limit=1) == waiting[-1:]
    assert listed("queued", queue="none") == []


def test_a_stamped_submission_carries_its_metadata(api: httpx.Client, store: Store) -> None:
    payload = {"user_id": 101, "message": "hello"}

    reply = api.post("/submit-job", json={"task": "heavy_compute", "payload": payload})

    found = reply.json()
    record = store.run(calls.read(found["job_id"]))
    assert reply.status_code == 200
    assert set(found) == {"job_id", "status", "submitted_at"}
    assert re.fullmatch(r"JOB-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", found["job_id"])
    assert found["status"] == "queued"
    assert datetime.fromisoformat(found["submitted_at"]).utcoffset() is not None
    assert record is not None
    assert record.meta == {
        "job_id": found["job_id"],
        "submitted_at": found["submitted_at"],
        "payload": payload,
        "task_name": "heavy_compute",
        "tags": ["api", "v1"],
    }
    assert record.description == f"heavy_compute submitted at {found['submitted_at']}"
    assert (record.timeout_seconds, record.result_ttl_seconds) == (900, 3_600)
    assert record.failure_ttl_seconds == 86_400


def test_an_unknown_stamped_task_is_400_in_the_old_words(api: httpx.Client) -> None:
    reply = api.post("/submit-job", json={"task": "nope", "payload": {}})

    assert (reply.status_code, reply.json()["detail"]) == (400, "Unknown task: nope")


def test_a_request_id_makes_repeats_harmless(api: httpx.Client) -> None:
    body = {"task": "heavy_compute", "payload": {"n": 1}, "request_id": "r-1"}

    first = api.post("/submit-job", json=body)
    again = api.post("/submit-job", json=body)
    other = api.post("/submit-job", json={**body, "payload": {"n": 2}})

    assert first.json() == again.json()
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (422, "/request_id")


def test_request_ids_are_taken_letter_by_letter(api: httpx.Client) -> None:
    bodies = [{"task": "echo", "request_id": request_id} for request_id in ('"', '""', '"a"', "a")]

    replies = [api.post("/submit-job", json=body) for body in bodies]

    assert [reply.status_code for reply in replies] == [200] * 4
    assert len({reply.json()["job_id"] for reply in replies}) == 4


def test_job_status_shows_a_result_only_once_finished(api: httpx.Client, store: Store) -> None:
    job_id = api.post("/submit-job", json={"task": "echo"}).json()["job_id"]
    before = api.get(f"/job-status/{job_id}").json()
    [job] = claim(store, "default")
    settle(store, Succeeded, job, result=b'{"n":1}')

    after = api.get(f"/job-status/{job_id}").json()

    assert set(before) == {
        "job_id", "status", "meta", "enqueued_at", "started_at", "ended_at", "result", "exc_info",
    }  # fmt: skip
    assert (before["status"], before["result"], before["ended_at"]) == ("queued", None, None)
    assert (after["status"], after["result"], after["exc_info"]) == ("finished", {"n": 1}, None)
    assert after["meta"]["task_name"] == "echo"


def test_job_status_shows_the_traceback_only_once_failed(api: httpx.Client, store: Store) -> None:
    job_id = api.post("/submit-job", json={"task": "echo"}).json()["job_id"]
    [job] = claim(store, "default")
    settle(store, Failed, job, error=ERROR)

    found = api.get(f"/job-status/{job_id}").json()

    assert (found["status"], found["result"]) == ("failed", None)
    assert found["exc_info"] == "Traceback: no"


@pytest.mark.parametrize("path", ["/job-status/x", "/jobs/status/x", "/job/x/status"])
def test_an_unknown_job_is_not_found_in_the_old_words(api: httpx.Client, path: str) -> None:
    reply = api.get(path)

    assert (reply.status_code, reply.json()["detail"]) == (404, "Job not found")


@pytest.mark.parametrize("priority", ["high", "low"])
def test_a_priority_job_waits_in_its_queue(api: httpx.Client, priority: str) -> None:
    body = {"job_type": "send_email", "priority": priority, "payload": {**MAIL, "ignored": 1}}

    reply = api.post("/submit-job", json=body)

    found = api.get(f"/jobs/status/{reply.json()['job_id']}").json()
    assert reply.status_code == 201
    assert set(found) == {
        "job_id", "job_type", "priority", "payload", "status", "retry_count", "created_ts",
        "picked_ts", "completed_ts", "available_after",
    }  # fmt: skip
    assert (found["job_type"], found["priority"]) == ("send_email", priority)
    assert (found["payload"], found["status"], found["retry_count"]) == (MAIL, "pending", 0)


def test_a_priority_job_goes_through_its_states(api: httpx.Client, store: Store) -> None:
    body = {"job_type": "send_email", "priority": "high", "payload": MAIL}
    job_id = api.post("/submit-job", json=body).json()["job_id"]

    def shown() -> tuple[str, int, bool]:
        found = api.get(f"/jobs/status/{job_id}").json()
        return found["status"], found["retry_count"], found["available_after"] is not None

    [job] = claim(store, "high")
    assert shown() == ("processing", 0, False)

    settle(store, Retrying, job, error=ERROR, delay_seconds=0.001)
    assert shown()[:2] == ("pending", 1)

    store.run(calls.promote())
    [job] = claim(store, "high")
    settle(store, Failed, job, error=ERROR)
    assert shown() == ("failed", 1, False)
    assert api.get(f"/jobs/status/{job_id}").json()["completed_ts"] is not None


def test_an_email_is_queued_and_its_job_can_be_read(api: httpx.Client, store: Store) -> None:
    reply = api.get("/send-email/a@example.com")
    job_id = reply.json()["job_id"]
    [job] = claim(store, "default")
    settle(store, Succeeded, job, result=b'"Task complete: Email sent to a@example.com"')

    found = api.get(f"/job/{job_id}/status").json()

    assert reply.status_code == 200
    assert reply.json()["message"] == "Email sending task has been queued."
    assert reply.headers["cache-control"] == "no-store"
    assert (found["status"], found["attempts"]) == ("finished", 1)
    assert found["result"] == "Task complete: Email sent to a@example.com"


def test_the_dashboard_lists_jobs_a_page_at_a_time(api: httpx.Client) -> None:
    jobs = [{"task": "echo", "queue": f"q{number % 2}"} for number in range(60)]
    results = api.post("/v1/jobs/batch", json={"jobs": jobs}).json()["results"]
    ids = [result["job"]["id"] for result in results][::-1]

    pages = [api.get(f"/rq/jobs/json?state=all&queue_name=all&page={n}").json() for n in (1, 2, 3)]
    [first, second, third] = pages
    queued = api.get("/rq/jobs/json?state=queued&queue_name=q1&page=1").json()

    assert [job["id"] for page in pages for job in page["jobs"]] == ids
    assert [page["has_next"] for page in (first, second, third)] == [True, True, False]
    assert {job["queue"] for job in queued["jobs"]} == {"q1"}
    assert {job["status"] for job in queued["jobs"]} == {"queued"}


def test_no_page_comes_after_the_dashboards_last(api: httpx.Client) -> None:
    for _ in range(26):
        api.post("/v1/jobs/batch", json={"jobs": [{"task": "echo"}] * 100}).raise_for_status()

    [before, last] = [api.get(f"/rq/jobs/json?page={page}").json() for page in (99, 100)]

    assert (len(before["jobs"]), before["has_next"]) == (25, True)
    assert (len(last["jobs"]), last["has_next"]) == (25, False)


def test_the_dashboard_loads_nothing_from_elsewhere_and_offers_no_action(
    api: httpx.Client,
) -> None:
    page = api.get("/rq")
    script = api.get("/static/dashboard.js").text
    style = api.get("/static/dashboard.css").text

    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    for text in (page.text, script, style):
        assert not re.search(r"https?://|innerHTML|insertAdjacentHTML|POST|DELETE", text)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_documentation_loads_nothing_from_elsewhere(api: httpx.Client, path: str) -> None:
    page = api.get(path)

    assert "https://" not in page.text
    for asset in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert api.get(asset).status_code == 200
