"""Passwords of the store: a new one is taken up, a wrong one is said; nobody restarts anything."""

from __future__ import annotations

import base64
import json
import secrets
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from e2e.client import Client
from e2e.conftest import STORE_IMAGE
from e2e.jobs import recorded
from e2e.kube import conditions_of
from e2e.outside import SECRET, OutsideStore
from e2e.release import FULL_NAME
from e2e.values import scaled, yard
from e2e.verdict import verify
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from e2e.conftest import Connect
    from e2e.kube import Namespace
    from e2e.recording import Recording
    from e2e.release import Release

PARTS = ("api", "scheduler", "worker-drill")
pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_new_password_is_taken_up_without_hands(
    release: Release, recording: Recording, connect: Connect, figure: Callable[[str, object], None]
) -> None:
    release.install(yard("new-password.example", drill=scaled("drill", minReplicas=1)))
    client = connect("new-password.example")
    passwords = {name: secrets.token_hex(24) for name in ("app-password", "keda-password")}
    encoded = {name: base64.b64encode(each.encode()).decode() for name, each in passwords.items()}

    began = time.monotonic()
    patch = json.dumps({"data": encoded})
    release.namespace.kubectl("patch", "secret", FULL_NAME, "--patch", patch)
    # The store closes the connections of users whose passwords changed as soon as it sees them.
    new = partial(has_mounted, release, f"{FULL_NAME}-store-0", passwords["app-password"])
    wait_for(new, 180)
    wait_for(lambda: client.status("/readyz") == 200, 180)
    ids = client.submit(recorded("drill", 0.1) for _ in range(50))
    wait_for(lambda: client.has_ended("drill"), 180)
    figure("seconds until jobs ran under the new password", time.monotonic() - began)

    assert client.not_succeeded(ids) == {}
    verify(ids, recording.read(), []).check()


def test_a_wrong_password_is_said_and_the_right_one_taken_up_without_hands(
    release: Release, recording: Recording, figure: Callable[[str, object], None]
) -> None:
    outside = OutsideStore(release.namespace, STORE_IMAGE)
    outside.start()
    release.install(
        yard("wrong-password.example", drill=scaled("drill", minReplicas=2)) | outside.values()
    )
    client = Client("wrong-password.example", release.secret("bootstrap-key", SECRET))
    client.wait_for_task("recorded")
    pool = release.pool("drill")

    outside.tell("wrong")
    for part in ("api", "worker-drill"):
        wait_for(partial(has_mounted, release, f"deployment/{FULL_NAME}-{part}", "wrong"), 180)
    outside.hang_up()
    refused = wait_for(partial(refusal, client), 60)
    said = {part: wait_for(partial(reason_with, release, part, "WRONGPASS"), 60) for part in PARTS}
    event = wait_for(lambda: event_with(release.namespace, "WRONGPASS"), 120)
    conditions = conditions_of(release.namespace.get("scaledobject", pool))
    pods = release.namespace.get("deployment", pool)["spec"]["replicas"]

    began = time.monotonic()
    outside.tell(outside.password)
    client.wait_until_ready(180)
    ids = client.submit(recorded("drill", 0.1) for _ in range(50))
    wait_for(lambda: client.has_ended("drill"), 180)
    figure("seconds until jobs ran under the right password", time.monotonic() - began)
    wait_for(lambda: is_ready(release.namespace, pool), 180, interval_seconds=1)
    figure("lines of the log", said)
    figure("event", event)
    figure("conditions meanwhile", conditions)

    assert refused.json()["code"] == "store-unavailable"
    assert conditions["Ready"] == "False"
    assert pods == 2
    assert client.not_succeeded(ids) == {}
    verify(ids, recording.read(), []).check()
    client.close()


def has_mounted(release: Release, workload: str, password: str) -> bool:
    """Whether the pods of a workload see this password of the store."""
    file = "/etc/jobyard/secret/app-password"
    return release.namespace.kubectl("exec", workload, "--", "cat", file).strip() == password


def is_ready(namespace: Namespace, pool: str) -> bool:
    """Whether KEDA says that the pool is scaled as it should be."""
    return conditions_of(namespace.get("scaledobject", pool)).get("Ready") == "True"


def refusal(client: Client) -> httpx.Response | None:
    """The API's answer when it cannot ask the store; None as long as it can."""
    reply = client.get("/v1/queues")
    return reply if reply is not None and reply.status_code == 503 else None


def reason_with(release: Release, part: str, text: str) -> str:
    """Event and reason of a line of the log with this text; empty when there is none."""
    log = release.namespace.kubectl("logs", f"deployment/{FULL_NAME}-{part}", "--tail=200")
    for line in log.splitlines():
        if text in line:
            told = json.loads(line)
            return f"{told['event']}: {told['reason']}"
    return ""


def event_with(namespace: Namespace, text: str) -> str:
    """Reason and message of an event with this text; empty when there is none."""
    for each in namespace.list("events"):
        if text in each.get("message", ""):
            return f"{each['reason']}: {each['message']}"
    return ""
