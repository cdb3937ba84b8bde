"""Every writing script in a situation where it has something to do. Ids are fixed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from jobyard.api_keys import new_api_key
from jobyard.store import access_calls, calls, log_level_calls, move_calls, oversight
from jobyard.store.access_records import Quotas
from jobyard.store.records.delivery import JournalEntry
from jobyard.store.records.submission import Idempotency, OnConflict, Unique
from support.builders import (
    build_rq_ending,
    build_settlement,
    build_submission,
    build_task_record,
)
from support.keys import build_record, entry
from support.yard import LEASE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.store.calls import Call
    from jobyard.store.records.submission import Submission
    from support.yard import Yard

NONCE = "01900000-0000-7000-8000-000000000000"
LARGE = b'{"text":"%s"}' % (b"x" * 100_000)
TASK = build_task_record(description="does nothing")


def submit(yard: Yard) -> Call[Any]:
    yard.submit("old")
    once = Idempotency("tenant:jobs", "key", "fingerprint")
    jobs = [
        build_submission(id="j1", idempotency=once),
        build_submission(id="j2", delay_seconds=60.0),
        build_submission(id="j3", queue="low", tenant="acme"),
        _tied("j4"),
    ]
    return calls.submit(jobs)


def submit_large(yard: Yard) -> Call[Any]:
    return calls.submit([build_submission(id="j1", payload=LARGE), build_submission(id="j2")])


def _tied(job_id: str, **overrides: Any) -> Submission:
    """A job that all lists know."""
    tied: dict[str, Any] = {
        "tenant": "acme",
        "tags": ("red", "big"),
        "unique": Unique("k", OnConflict.REPLACE),
        "waiting_limit": 9,
    }
    return build_submission(id=job_id, **{**tied, **overrides})


def submit_replacing(yard: Yard) -> Call[Any]:
    yard.store.run(calls.submit([_tied("j1")]))
    return calls.submit([_tied("j2", queue="low"), build_submission(id="j3")], deepest=9)


def submit_together(yard: Yard) -> Call[Any]:
    return calls.submit([_tied("j1"), build_submission(id="j2")], together=True)


def claim_tied(yard: Yard) -> Call[Any]:
    yard.store.run(calls.submit([_tied("j1")]))
    yard.join("w1")
    return calls.claim("w1", NONCE, ("default",), 10)


def settle_tied(yard: Yard) -> Call[Any]:
    yard.store.run(calls.submit([_tied("j1", result_ttl_seconds=0)]))
    yard.join("w1")
    [claimed] = yard.claim()
    return calls.settle("w1", [build_settlement("succeeded", claimed)])


def cancel_tied(yard: Yard) -> Call[Any]:
    yard.store.run(calls.submit([_tied("j1")]))
    return calls.cancel(["j1"])


def tidy(yard: Yard) -> Call[Any]:
    yard.store.run(calls.submit([_tied("j1"), _tied("j2", unique=Unique("other"))]))
    yard.client.delete(yard.keys.job("j1"))
    return calls.tidy()


def fire(yard: Yard) -> Call[Any]:
    tick = datetime(2026, 1, 1, tzinfo=UTC)
    return calls.fire("nightly", tick, build_submission(id="cron-nightly-1"))


def join(yard: Yard) -> Call[Any]:
    return calls.join("w1", pool="default", slots=4, lease_seconds=LEASE_SECONDS)


def renew(yard: Yard) -> Call[Any]:
    yard.register("w1")
    yard.claim_new("j1", "j2")
    yard.cancel("j1")
    return calls.renew("w1", lease_seconds=LEASE_SECONDS, busy=2)


def claim(yard: Yard) -> Call[Any]:
    yard.submit("j1", "j2")
    yard.submit("j3", queue="low")
    yard.submit("expired", expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    yard.join("w1")
    return calls.claim("w1", NONCE, ("default", "low"), 10)


def claim_large(yard: Yard) -> Call[Any]:
    yard.submit("j1", "gone", payload=LARGE)
    yard.client.delete(yard.keys.payload("gone"))
    yard.join("w1")
    return calls.claim("w1", NONCE, ("default",), 10)


def _settle(kind: str, **overrides: Any) -> Callable[[Yard], Call[Any]]:
    def prepare(yard: Yard) -> Call[Any]:
        yard.register("w1")
        claimed = yard.claim_new("j1", "j2", "other")
        ended = [build_settlement(kind, delivery, **overrides) for delivery in claimed[:2]]
        return calls.settle("w1", ended)

    return prepare


def settle_canceling(yard: Yard) -> Call[Any]:
    [claimed] = yard.claim_new("j1")
    yard.cancel("j1")
    return calls.settle("w1", [build_settlement("retrying", claimed)])


def settle_unkept(yard: Yard) -> Call[Any]:
    [claimed] = yard.claim_new("j1", result_ttl_seconds=0)
    return calls.settle("w1", [build_settlement("succeeded", claimed)])


def settle_large(yard: Yard) -> Call[Any]:
    claimed = yard.claim_new("j1", "j2", payload=LARGE)
    children = (build_submission(id="child", payload=LARGE),)
    return calls.settle(
        "w1",
        [
            build_settlement("succeeded", claimed[0], result=LARGE, follow_ups=children),
            build_settlement("failed", claimed[1]),
        ],
    )


def settle_large_unkept(yard: Yard) -> Call[Any]:
    [claimed] = yard.claim_new("j1", payload=LARGE, result_ttl_seconds=0)
    return calls.settle("w1", [build_settlement("succeeded", claimed, result=LARGE)])


def settle_small_after_large(yard: Yard) -> Call[Any]:
    """A job that succeeded, and that RQ's tools made to run again."""
    [claimed] = yard.claim_new("j1")
    yard.settle("succeeded", claimed, result=LARGE)
    yard.client.zrem(yard.keys.registry("finished", "default"), "j1")
    yard.client.hset(yard.keys.job("j1"), "status", "queued")
    yard.client.rpush(yard.keys.queue("default"), "j1")
    [again] = yard.claim()
    return calls.settle("w1", [build_settlement("succeeded", again)])


def settle_follow_ups(yard: Yard) -> Call[Any]:
    [claimed] = yard.claim_new("j1")
    children = (
        build_submission(id="child", queue="low"),
        build_submission(id="later", delay_seconds=60.0),
    )
    return calls.settle("w1", [build_settlement("succeeded", claimed, follow_ups=children)])


def settle_of_tenant(yard: Yard) -> Call[Any]:
    [claimed] = yard.claim_new("j1", tenant="acme")
    left = {"follow_ups": (build_submission(id="child"),), "journal": (JournalEntry("notes", "a"),)}
    return calls.settle("w1", [build_settlement("succeeded", claimed, **left)])


def settle_second_attempt(yard: Yard) -> Call[Any]:
    [claimed] = yard.claim_new("j1")
    yard.settle("retrying", claimed, delay_seconds=0)
    [again] = yard.claim()
    return calls.settle("w1", [build_settlement("failed", again)])


def _settle_rq(kind: str, **overrides: Any) -> Callable[[Yard], Call[Any]]:
    def prepare(yard: Yard) -> Call[Any]:
        yard.register("w1")
        claimed = yard.claim_new("j1", "j2", "other")
        ended = [build_rq_ending(kind, delivery, **overrides) for delivery in claimed[:2]]
        return calls.settle_rq("w1", ended)

    return prepare


def settle_rq_repeating(yard: Yard) -> Call[Any]:
    [claimed] = yard.claim_new("j1")
    yard.client.hset(yard.keys.job("j1"), mapping={"repeats_left": 2, "repeat_intervals": "[60]"})
    return calls.settle_rq("w1", [build_rq_ending("succeeded", claimed)])


def tend_rq(yard: Yard) -> Call[Any]:
    yard.submit("ready", "held", "long")
    yard.client.delete(yard.keys.queue("default"))
    yard.client.hset(yard.keys.job("ready"), "status", "ready_to_enqueue")
    yard.client.zadd(yard.keys.registry("ready", "default"), {"ready": 1})
    limited = {"status": "rate_limited", "rate_limit_key": "k", "rate_limit_concurrency": 1}
    yard.client.hset(yard.keys.job("held"), mapping=limited)
    yard.client.sadd("rq:rl-keys", "k")
    yard.client.hset("rq:rl:k", "concurrency", 1)
    yard.client.zadd("rq:rl:k:allowed", {"gone": 1})
    yard.client.zadd("rq:rl:k:rate_limited", {"held": 1})
    yard.client.sadd("rq:groups", "g")
    yard.client.sadd("rq:group:g", "gone", "held")
    return calls.tend_rq()


def release(yard: Yard) -> Call[Any]:
    claimed = yard.claim_new("j1", "j2", "other")
    return calls.release("w1", [(delivery.id, delivery.token) for delivery in claimed[:2]])


def release_too_often(yard: Yard) -> Call[Any]:
    [claimed] = yard.claim_new("j1")
    for _ in range(10):
        yard.release(claimed)
        [claimed] = yard.claim()
    return calls.release("w1", [(claimed.id, claimed.token)])


def _expired(yard: Yard) -> None:
    """Two dead workers, each with jobs of both queues, busy slots and mail."""
    yard.register("w1", "w2")
    yard.join("w1", "w2")
    for worker in ("w1", "w2"):
        for queue in ("default", "low"):
            yard.submit(f"{worker}-{queue}", queue=queue)
        yard.claim(worker, ("default", "low"))
        yard.renew(worker, busy=2)
    yard.cancel("w1-low")
    yard.expire("w1", "w2")


def reap(yard: Yard) -> Call[Any]:
    _expired(yard)
    yard.close_gap()
    return calls.reap(lease_seconds=LEASE_SECONDS)


def leave(yard: Yard) -> Call[Any]:
    _expired(yard)
    return calls.leave("w1")


def promote(yard: Yard) -> Call[Any]:
    for queue in ("default", "low", "other"):
        yard.submit(f"{queue}-1", f"{queue}-2", queue=queue, delay_seconds=60.0)
        yard.make_due(f"{queue}-1", queue=queue)
    return calls.promote()


def cancel(yard: Yard) -> Call[Any]:
    yard.claim_new("running")
    yard.submit("waiting", "other")
    yard.submit("delayed", queue="low", delay_seconds=60.0)
    return calls.cancel(["waiting", "running", "delayed", "missing"])


def cancel_retrying(yard: Yard) -> Call[Any]:
    [claimed] = yard.claim_new("j1")
    yard.settle("retrying", claimed)
    return calls.cancel(["j1"])


def prune(yard: Yard) -> Call[Any]:
    for queue in ("default", "low"):
        for kind in ("succeeded", "failed", "canceled"):
            [claimed] = yard.claim_new(f"{queue}-{kind}", queue=queue)
            yard.settle(kind, claimed)
        for registry in ("finished", "failed", "canceled"):
            key = yard.keys.registry(registry, queue)
            yard.client.zadd(key, dict.fromkeys(yard.client.zrange(key, 0, -1), 1))
        yard.claim_new(f"{queue}-long", queue=queue)
        running = yard.keys.registry("wip", queue)
        soon = dict.fromkeys(yard.client.zrange(running, 0, -1), yard.now_ms() // 1000 + 60)
        yard.client.zadd(running, soon)
    return calls.prune()


def prune_large(yard: Yard) -> Call[Any]:
    for claimed in yard.claim_new("j1", "j2", payload=LARGE):
        yard.settle("succeeded", claimed, result=LARGE)
    yard.client.zadd(yard.keys.registry("finished", "default"), {"j1": 1})
    yard.client.delete(yard.keys.job("j2"))
    return calls.prune()


def trim(yard: Yard) -> Call[Any]:
    """All of what ended goes, and nothing else."""
    for kind in ("succeeded", "failed", "canceled"):
        [claimed] = yard.claim_new(kind, payload=LARGE)
        yard.settle(kind, claimed)
    yard.submit("waiting")
    return calls.trim("default", budget_bytes=1)


def progress(yard: Yard) -> Call[Any]:
    [claimed] = yard.claim_new("j1")
    return calls.progress("j1", claimed.token, b'{"percent":50}')


def retry(yard: Yard) -> Call[Any]:
    for kind in ("failed", "canceled", "succeeded"):
        tied: dict[str, Any] = {"tenant": "acme", "unique": Unique(kind), "waiting_limit": 9}
        yard.settle(kind, yard.claim_new(kind, **tied)[0])
    yard.claim_new("running")
    yard.submit("waiting", "other")
    ids = ["failed", "canceled", "succeeded", "running", "waiting", "missing"]
    return move_calls.retry(ids, NONCE)


def reschedule(yard: Yard) -> Call[Any]:
    _mixed(yard)
    yard.submit("soon", delay_seconds=60.0)
    ids = ["waiting", "delayed", "running", "ended", "missing", "soon"]
    return move_calls.reschedule(ids, NONCE, delay_seconds=600.0)


def reschedule_to_now(yard: Yard) -> Call[Any]:
    _mixed(yard)
    return move_calls.reschedule(["delayed", "waiting"], NONCE, delay_seconds=0.0)


def delete(yard: Yard) -> Call[Any]:
    _mixed(yard)
    return move_calls.delete(["waiting", "delayed", "running", "ended", "missing"])


def _mixed(yard: Yard) -> None:
    yard.settle("failed", yard.claim_new("ended", tenant="acme")[0])
    yard.claim_new("running")
    yard.submit("waiting", "other", tags=("a",))
    yard.submit("delayed", queue="low", delay_seconds=60.0, tenant="acme")


def publish(yard: Yard) -> Call[Any]:
    yard.join("w1")
    yard.store.run(calls.publish_tasks([replace(TASK, version="0")], worker="gone"))
    return calls.publish_tasks([TASK], worker="w1")


def pause(yard: Yard) -> Call[Any]:
    yard.submit("j1")
    return oversight.pause("default")


def resume(yard: Yard) -> Call[Any]:
    yard.submit("j1", "j2")
    yard.client.delete(yard.keys.bell("default"))
    yard.store.run(oversight.pause("default"))
    return oversight.resume("default")


def _purge(source: Literal["queue", "scheduled"], **options: Any) -> Callable[[Yard], Call[Any]]:
    def prepare(yard: Yard) -> Call[Any]:
        yard.submit("j1", "j2", **options)
        return oversight.purge("default", source)

    return prepare


def drain(yard: Yard) -> Call[Any]:
    yard.join("w1")
    return oversight.drain("w1")


def create_key(yard: Yard) -> Call[Any]:
    return access_calls.create_key(build_record(KEY, "acme", expires_at=EXPIRY), entry(id="e1"))


def _with_key(call: Call[Any]) -> Callable[[Yard], Call[Any]]:
    def prepare(yard: Yard) -> Call[Any]:
        yard.store.run(access_calls.create_key(build_record(KEY, "acme"), entry(id="e0")))
        return call

    return prepare


def lease(yard: Yard) -> Call[Any]:
    yard.store.run(access_calls.set_quotas("acme", QUOTAS, entry(id="e0")))
    return access_calls.lease("acme", "requests_per_minute", 1, "process", NONCE)


def close_session(yard: Yard) -> Call[Any]:
    yard.store.run(OPEN_SESSION)
    return access_calls.close_session("digest", entry(id="e1"))


KEY = new_api_key()
EXPIRY = datetime(2031, 1, 1, tzinfo=UTC)
QUOTAS = Quotas(requests_per_minute=100, waiting_jobs=5)
OPEN_SESSION = access_calls.open_session(
    "digest", seconds=60, key_id=KEY.id, key_digest=KEY.digest, entry=entry(id="e0")
)


SCENARIOS: dict[str, Callable[[Yard], Call[Any]]] = {
    "submit": submit,
    "submit large": submit_large,
    "submit replacing": submit_replacing,
    "submit together": submit_together,
    "claim tied": claim_tied,
    "settle tied": settle_tied,
    "cancel tied": cancel_tied,
    "tidy": tidy,
    "fire": fire,
    "join": join,
    "renew": renew,
    "claim": claim,
    "claim large": claim_large,
    "settle succeeded": _settle("succeeded", journal=(JournalEntry("notes", "a line"),)),
    "settle succeeded and not kept": settle_unkept,
    "settle succeeded with follow-ups": settle_follow_ups,
    "settle succeeded of a tenant": settle_of_tenant,
    "settle large": settle_large,
    "settle large and not kept": settle_large_unkept,
    "settle small after large": settle_small_after_large,
    "settle failed": _settle("failed"),
    "settle retrying": _settle("retrying"),
    "settle retrying at once": _settle("retrying", delay_seconds=0),
    "settle canceled": _settle("canceled"),
    "settle crashed": _settle("crashed"),
    "settle crashed beyond the budget": _settle("crashed", budget=1),
    "settle canceling": settle_canceling,
    "settle the second attempt": settle_second_attempt,
    "settle rq succeeded": _settle_rq("succeeded", fields={"result_ttl": "500"}),
    "settle rq failed": _settle_rq("failed"),
    "settle rq retrying": _settle_rq("retrying", delay_seconds=60.0, fields={"retries_left": "1"}),
    "settle rq retrying at once": _settle_rq("retrying", at_head=True),
    "settle rq crashed": _settle_rq("crashed"),
    "settle rq stopped": _settle_rq("stopped"),
    "settle rq repeating": settle_rq_repeating,
    "tend rq": tend_rq,
    "release": release,
    "release too often": release_too_often,
    "reap": reap,
    "leave": leave,
    "promote": promote,
    "cancel": cancel,
    "cancel retrying": cancel_retrying,
    "prune": prune,
    "prune large": prune_large,
    "trim": trim,
    "progress": progress,
    "publish": publish,
    "pause": pause,
    "resume": resume,
    "purge": _purge("queue"),
    "purge what is delayed": _purge("scheduled", delay_seconds=60.0),
    "drain": drain,
    "retry": retry,
    "reschedule": reschedule,
    "reschedule to now": reschedule_to_now,
    "delete": delete,
    "key create": create_key,
    "key revoke": _with_key(access_calls.revoke_key(KEY.id, "acme", entry(id="e1"))),
    "key used": _with_key(access_calls.keys_used([KEY.id])),
    "log level set": lambda _: log_level_calls.set_log_level("api", "debug", 60, entry(id="e1")),
    "quota set": lambda _: access_calls.set_quotas("acme", QUOTAS, entry(id="e1")),
    "lease": lease,
    "session open": lambda _: OPEN_SESSION,
    "session close": close_session,
    "audit note": lambda _: access_calls.note(entry(id="e1")),
}
