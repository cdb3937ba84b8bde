"""Records of a newer schema: an older version moves them and leaves what they say."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from jobyard.states import State
from jobyard.store import calls
from jobyard.store.scripts import Script, script
from support.builders import build_nonce, build_settlement

if TYPE_CHECKING:
    from jobyard.store.records.delivery import Claim
    from support.yard import Yard

NEWER = {"schema": "3", "data": "of another kind", "retry": "as yet unheard of", "shape": "\x00"}
ENVELOPE = {
    *("status", "token", "worker_name", "deliveries", "suspect", "releases", "attempts", "cancel"),
    *("enqueued_at", "started_at", "ended_at"),
}
"""Where a job stands: the same in every schema, or no version could move another's records."""


def make_newer(yard: Yard, job_id: str) -> dict[bytes, bytes]:
    """Returns what the record says."""
    yard.client.hset(yard.keys.job(job_id), mapping=NEWER)
    return said_by(yard, job_id)


def said_by(yard: Yard, job_id: str) -> dict[bytes, bytes]:
    record: dict[bytes, bytes] = yard.client.hgetall(yard.keys.job(job_id))
    return {name: value for name, value in record.items() if name.decode() not in ENVELOPE}


def claim(yard: Yard) -> Claim:
    return yard.store.run(calls.claim("w1", build_nonce(), ("default",), 5))


def claim_as_newer(yard: Yard, worker: str) -> Claim:
    """As a worker of the version that wrote them."""
    call = calls.claim(worker, build_nonce(), ("default",), 5)
    text = script("claim").text.replace("local SCHEMA = 2 ", "local SCHEMA = 3 ")
    sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return yard.store.run(replace(call, script=Script("claim", text, sha)))


def test_an_older_version_moves_a_record_and_leaves_what_it_says(yard: Yard) -> None:
    yard.submit("new", delay_seconds=60)
    said = make_newer(yard, "new")
    yard.join("w1", "newer")

    yard.make_due("new")
    assert yard.promote().promoted == 1
    assert (claim(yard).jobs, claim(yard).too_new) == ((), 1)
    [held] = claim_as_newer(yard, "newer").jobs
    yard.expire("newer")
    assert yard.reap().rescued == 1
    yard.prune()
    yard.store.run(calls.tend_rq())

    assert yard.waiting() == ["new"]
    assert (claim(yard).jobs, claim(yard).too_new) == ((), 1)
    assert yard.settle("succeeded", held, worker="newer").value == "stale"
    assert said_by(yard, "new") == said
    assert yard.quarantined() == set()
    assert yard.read("new").state is State.QUEUED


def test_one_that_a_newer_worker_ended_is_kept_as_it_was_asked(yard: Yard) -> None:
    yard.submit("new")
    said = make_newer(yard, "new")
    yard.join("newer")
    [held] = claim_as_newer(yard, "newer").jobs
    yard.store.run(calls.settle("newer", [build_settlement("succeeded", held)]))

    yard.prune()

    assert said_by(yard, "new") == said
    assert yard.read("new").state is State.SUCCEEDED


def test_a_cancel_that_somebody_asked_for_is_done(yard: Yard) -> None:
    yard.submit("new")
    said = make_newer(yard, "new")

    yard.cancel("new")

    assert yard.read("new").state is State.CANCELED
    assert said_by(yard, "new") == said


def test_a_thousand_of_them_do_not_hide_what_an_older_worker_can_run(yard: Yard) -> None:
    ids = [f"new-{n}" for n in range(1200)]
    for at in range(0, len(ids), calls.BATCH):
        yard.submit(*ids[at : at + calls.BATCH])
    for job_id in ids:
        yard.client.hset(yard.keys.job(job_id), "schema", 3)
    yard.submit("known")
    yard.join("w1")

    first, second = claim(yard), claim(yard)

    assert (first.jobs, first.too_new, first.more) == ((), 1000, True)
    assert [job.id for job in second.jobs] == ["known"]
    assert sorted(yard.waiting()) == sorted(ids)
