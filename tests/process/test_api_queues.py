"""``/v1/queues``: what they say, pause, resume, purge; and jobs for queues that nobody declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from jobyard.store import calls
from support.api_server import running_api
from support.builders import build_nonce, build_settlement, build_submission, build_task_record
from support.keys import make_key
from support.rest import Rest
from support.waiting import wait_for

if TYPE_CHECKING:
    import redis

    from jobyard.store import Store
    from jobyard.store.records.delivery import Claimed
    from support.ledger import Ledger
    from support.processes import Services
    from support.servers import StoreServer


def submit(store: Store, *ids: str, **options: Any) -> None:
    store.run(calls.submit([build_submission(id=job_id, **options) for job_id in ids]))


def claim(store: Store, queue: str = "default", limit: int = 100) -> list[Claimed]:
    store.run(calls.join("w1", pool="p", slots=8, lease_seconds=60))
    return list(store.run(calls.claim("w1", build_nonce(), (queue,), limit)).jobs)


# ---------------------------------------------------------------- what they say


def test_a_queue_says_how_much_waits_how_long_and_how_fast(api: httpx.Client, store: Store) -> None:
    submit(store, "j1", "j2", "j3")
    submit(store, "later", delay_seconds=60.0)
    first, *_ = claim(store, limit=1)
    store.run(calls.settle("w1", [build_settlement("succeeded", first)]))

    queue = api.get("/v1/queues/default").json()

    assert (queue["queued"], queue["scheduled"], queue["succeeded"]) == (2, 1, 1)
    assert queue["in_per_second"] == pytest.approx(4 / 60)
    assert queue["out_per_second"] == pytest.approx(1 / 60)
    assert queue["wait_estimate_seconds"] == pytest.approx(120)
    assert 0 <= queue["oldest_age_seconds"] < 60
    assert queue["counters"]["submitted"] == 4
    assert queue["paused"] is False


def test_every_api_process_says_the_same(
    api: httpx.Client, store: Store, server: StoreServer
) -> None:
    submit(store, "j1", "j2")
    api.post("/v1/queues/default/pause")

    with running_api(server.url) as url, httpx.Client(base_url=url) as other:
        theirs = other.get("/v1/queues/default").json()
    ours = api.get("/v1/queues/default").json()

    moving = ("oldest_age_seconds", "in_per_second")
    assert {k: v for k, v in theirs.items() if k not in moving} == {
        k: v for k, v in ours.items() if k not in moving
    }
    assert ours["paused"]


def test_queues_that_were_only_declared_are_listed_too(api: httpx.Client, store: Store) -> None:
    store.run(calls.publish_tasks([build_task_record(queue="of-task")]))
    join = calls.join("w1", pool="p", slots=1, lease_seconds=60, queues=("of-worker",))
    store.run(join)

    queues = {queue["name"]: queue for queue in api.get("/v1/queues").json()["queues"]}

    assert {"of-task", "of-worker"} <= set(queues)
    assert queues["of-worker"]["queued"] == 0
    assert queues["of-worker"]["wait_estimate_seconds"] == 0


def test_the_lanes_of_a_queue_are_added_up(api: httpx.Client, store: Store) -> None:
    submit(store, "j1", "j2", queue="default.high")
    submit(store, "j3", queue="default")
    submit(store, "j4", queue="default.low")
    submit(store, "later", queue="default.low", delay_seconds=60.0)
    api.post("/v1/queues/default/pause")

    queue = api.get("/v1/queues/default").json()
    lane = api.get("/v1/queues/default.high")
    names = [each["name"] for each in api.get("/v1/queues").json()["queues"]]

    assert queue["priorities"] == {"high": 2, "normal": 1, "low": 1}
    assert (queue["queued"], queue["scheduled"], queue["paused"]) == (4, 1, True)
    assert queue["counters"]["submitted"] == 5
    assert queue["in_per_second"] == pytest.approx(5 / 60)
    assert lane.status_code == 404
    assert "default.high" not in names
    purged = api.post("/v1/queues/default/purge", json={"confirm": "default"})
    assert purged.json()["canceled"] == 4


@pytest.mark.parametrize("name", ["defualt", "nope", "%00", "%ED%A0%80", "x" * 5000, "*", "a:b"])
@pytest.mark.parametrize("verb", ["", "/pause", "/resume", "/purge"])
def test_an_unknown_queue_is_404(api: httpx.Client, store: Store, name: str, verb: str) -> None:
    submit(store, "j1")
    method = "POST" if verb else "GET"
    body = {"confirm": "default"} if verb == "/purge" else None

    reply = api.request(method, f"/v1/queues/{name}{verb}", json=body)

    assert (reply.status_code, reply.json()["code"]) == (404, "queue-not-found")
    assert ("Did you mean default?" in reply.json()["detail"]) is (name == "defualt")


# ---------------------------------------------------------------- pause and resume


def test_a_paused_queue_stands_still_and_goes_on_when_it_is_resumed(
    services: Services, ledger: Ledger
) -> None:
    services.start("jobyard-worker", JOBYARD_QUEUES="q,other")
    with Rest(services) as rest:
        rest.wait_for_task("noop")
        running = rest.submit("sleeper", queue="q", payload={"seconds": 1.5})
        wait_for(lambda: running["id"] in ledger.started())
        assert rest.http.post("/v1/queues/q/pause").json()["paused"]
        held = rest.submit("noop", queue="q")
        passing = rest.submit("noop", queue="other")

        wait_for(lambda: {running["id"], passing["id"]} <= ledger.ended())
        again = rest.submit("noop", queue="other")
        wait_for(lambda: again["id"] in ledger.ended())
        assert held["id"] not in ledger.started()
        assert rest.http.get("/v1/queues/q").json()["queued"] == 1

        assert not rest.http.post("/v1/queues/q/resume").json()["paused"]
        wait_for(lambda: held["id"] in ledger.ended())


def test_pause_and_resume_may_be_said_again(api: httpx.Client, store: Store) -> None:
    submit(store, "j1")

    said = [
        api.post(f"/v1/queues/default/{verb}").json()["paused"]
        for verb in ("pause", "pause", "resume", "resume")
    ]

    assert said == [True, True, False, False]


# ---------------------------------------------------------------- purge


def test_a_purge_cancels_what_waits_and_nothing_else(api: httpx.Client, store: Store) -> None:
    submit(store, "running")
    claim(store)
    submit(store, *(f"j{number:03}" for number in range(100)))
    submit(store, *(f"k{number:03}" for number in range(50)))
    submit(store, "later", delay_seconds=60.0)

    reply = api.post("/v1/queues/default/purge", json={"confirm": "default"})

    assert reply.json() == {"queue": "default", "canceled": 150, "more": False}
    queue = api.get("/v1/queues/default").json()
    depths = [queue[name] for name in ("queued", "running", "scheduled", "canceled")]
    assert depths == [0, 1, 1, 150]
    assert api.get("/v1/jobs/j007").json()["state"] == "canceled"


def test_what_is_delayed_is_purged_on_request(api: httpx.Client, store: Store) -> None:
    submit(store, "j1")
    submit(store, "later", delay_seconds=60.0)
    body = {"confirm": "default", "states": ["queued", "scheduled"]}

    reply = api.post("/v1/queues/default/purge", json=body)

    assert reply.json()["canceled"] == 2


def test_a_large_purge_is_asked_for_again(
    api: httpx.Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobyard_api.oversight.MOST_PURGED", 200)
    for part in range(3):
        submit(store, *(f"j{part}-{number}" for number in range(100)))

    body = {"confirm": "default"}
    first = api.post("/v1/queues/default/purge", json=body).json()
    second = api.post("/v1/queues/default/purge", json=body).json()

    assert (first["canceled"], first["more"]) == (200, True)
    assert (second["canceled"], second["more"]) == (100, False)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/confirm"),
        ({"confirm": "other"}, "/confirm"),
        ({"confirm": "DEFAULT"}, "/confirm"),
        ({"confirm": ""}, "/confirm"),
        ({"confirm": True}, "/confirm"),
        ({"confirm": "default", "states": []}, "/states"),
        ({"confirm": "default", "states": ["running"]}, "/states/0"),
        ({"confirm": "default", "all": True}, "/all"),
    ],
    ids=str,
)
def test_a_purge_that_does_not_name_its_queue_does_nothing(
    api: httpx.Client, store: Store, body: dict[str, Any], pointer: str
) -> None:
    submit(store, "j1")

    reply = api.post("/v1/queues/default/purge", json=body)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid-request")
    assert reply.json()["errors"][0]["pointer"] == pointer
    assert api.get("/v1/jobs/j1").json()["state"] == "queued"


# ---------------------------------------------------------------- queues that nobody declared


@pytest.fixture
def strict(server: StoreServer) -> Any:
    """An API as it is unless it is told to take any queue."""
    with running_api(server.url, any_queue=False) as url, httpx.Client(base_url=url) as http:
        yield http


def test_a_job_for_a_queue_that_nobody_declared_is_refused_with_the_nearest_names(
    strict: httpx.Client, client: redis.Redis
) -> None:
    job = {"task": "echo", "queue": "defualt"}

    reply = strict.post("/v1/jobs", json=job)
    classic = strict.post("/app/tasks/receive", json=job)
    stamped = strict.post("/submit-job", json=job)
    [result] = strict.post("/v1/jobs/batch", json={"jobs": [job]}).json()["results"]

    for problem in (reply.json(), classic.json(), stamped.json(), result["problem"]):
        assert (problem["status"], problem["code"]) == (422, "unknown-queue")
        assert problem["errors"][0]["pointer"] == "/queue"
        assert "Did you mean default?" in problem["detail"]
    assert not list(client.scan_iter("rq:job:*"))


def test_a_queue_is_known_as_soon_as_a_worker_serves_it(strict: httpx.Client, store: Store) -> None:
    def send() -> int:
        return strict.post("/v1/jobs", json={"task": "echo", "queue": "new"}).status_code

    before = send()
    join = calls.join("w1", pool="p", slots=1, lease_seconds=60, queues=("new",))
    store.run(join)
    wait_for(lambda: send() == 201)
    store.run(calls.leave("w1"))

    assert before == 422
    assert send() == 201, "also when no worker is left"


@pytest.mark.parametrize("priority", ["high", "low"])
def test_the_queues_of_the_priority_system_are_known(strict: httpx.Client, priority: str) -> None:
    mail = {"to": "a@example.com", "subject": "s", "body": "b"}
    job = {"job_type": "send_email", "priority": priority, "payload": mail}

    assert strict.post("/submit-job", json=job).status_code == 201


def test_a_lane_is_declared_with_its_queue(strict: httpx.Client) -> None:
    known = strict.post("/v1/jobs", json={"task": "echo", "queue": "default.high"})
    unknown = strict.post("/v1/jobs", json={"task": "echo", "queue": "nope.high"})

    assert (known.status_code, unknown.status_code) == (201, 422)


def test_any_queue_is_taken_where_the_setting_says_so(api: httpx.Client) -> None:
    reply = api.post("/v1/jobs", json={"task": "echo", "queue": "never-heard-of"})

    assert reply.status_code == 201


# ---------------------------------------------------------------- who may, and who did


def test_only_operators_change_queues_and_workers_and_it_is_noted(
    server: StoreServer, store: Store
) -> None:
    submit(store, "j1")
    with running_api(server.url, auth="required") as url:
        operator, tenant = (
            httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key.text}"})
            for key in (make_key(server), make_key(server, "acme"))
        )
        with operator, tenant:
            refused = tenant.post("/v1/queues/default/pause")
            assert operator.post("/v1/queues/default/pause").json()["paused"]
            body = {"confirm": "default"}
            assert operator.post("/v1/queues/default/purge", json=body).json()["canceled"] == 1
            seen = tenant.get("/v1/queues/default").json()
            noted = operator.get("/v1/audit-events").json()["audit_events"]

    assert (refused.status_code, refused.json()["code"]) == (403, "operators-only")
    assert (seen["queued"], seen["paused"]) == (0, True)
    assert (seen["canceled"], seen["counters"], seen["in_per_second"]) == (None, None, None)
    actions = [(event["action"], event["target"]) for event in noted]
    assert ("pause_queue", "default") in actions
    assert ("purge_queue", "default") in actions
