"""Every key of the store as a function of its parts. RQ's keys are RQ 3's; ours are under yard."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from jobyard.lanes import base_of

_PREFIX = re.compile(r"[A-Za-z0-9_.:{}-]+")


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names under one prefix (``RQ_KEY_PREFIX``, default ``rq``)."""

    prefix: str = "rq"

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            message = f"RQ_KEY_PREFIX {self.prefix!r}: use letters, digits and _ . : - {{ }} only"
            raise ValueError(message)

    def queues(self) -> str:
        """Set of the keys of all queues (RQ)."""
        return f"{self.prefix}:queues"

    def queue(self, queue: str) -> str:
        """List of waiting job ids (RQ)."""
        return f"{self.prefix}:queue:{queue}"

    def job(self, job_id: str) -> str:
        """Hash of one job (RQ's fields and ours)."""
        return f"{self.prefix}:job:{job_id}"

    def results(self, job_id: str) -> str:
        """Stream of how each attempt of a job ended (RQ)."""
        return f"{self.prefix}:results:{job_id}"

    def registry(self, name: str, queue: str) -> str:
        """Sorted set ``wip``, ``scheduled``, ``finished``, ``failed``, ``canceled`` … (RQ)."""
        return f"{self.prefix}:{name}:{queue}"

    def workers(self) -> str:
        """Set of the keys of all workers (RQ)."""
        return f"{self.prefix}:workers"

    def worker(self, worker: str) -> str:
        """Hash of one worker (RQ)."""
        return f"{self.prefix}:worker:{worker}"

    def commands(self, worker: str) -> str:
        """Channel of commands to one worker (RQ)."""
        return f"{self.prefix}:pubsub:{worker}"

    def yard(self, *parts: str) -> str:
        """A key of ours."""
        return ":".join((self.prefix, "yard", *parts))

    def lease(self) -> str:
        """Sorted set: worker → expiry of its lease, ms of the server's clock."""
        return self.yard("lease")

    def held(self, worker: str) -> str:
        """Hash: ``id:token`` → queue of what a worker holds."""
        return self.yard("held", worker)

    def hand(self, worker: str) -> str:
        """Hash of a worker's pool, slots, last claim, and the release that it is of."""
        return self.yard("worker", worker)

    def mail(self, worker: str) -> str:
        """Hash: ``id:token`` → ``cancel``, or ``drain`` → 1; brought by the renewal."""
        return self.yard("mail", worker)

    def busy(self, pool: str) -> str:
        """Sorted set: ``worker:slot`` of each busy slot of a pool."""
        return self.yard("busy", pool)

    def paused(self) -> str:
        """Set of the names of paused queues."""
        return self.yard("paused")

    def pools(self) -> str:
        """Set of the names of all pools."""
        return self.yard("pools")

    def bell(self, queue: str) -> str:
        """List that idle workers of a queue, and of its lanes, block on."""
        return self.yard("bell", base_of(queue))

    def payload(self, job_id: str) -> str:
        """String: the payload of one job whose hash it is too large for."""
        return self.yard("payload", job_id)

    def result(self, job_id: str) -> str:
        """String: the result of one job whose hash it is too large for."""
        return self.yard("result", job_id)

    def apart(self, queue: str) -> str:
        """Sorted set: ended jobs of a queue → bytes of their payload and result kept apart."""
        return self.yard("apart", queue)

    def jobs(self, queue: str) -> str:
        """Sorted set: every stored job of a queue by submission, µs of the server's clock."""
        return self.yard("jobs", queue)

    def tenants(self) -> str:
        """Set of the names of all tenants that ever submitted a job."""
        return self.yard("tenants")

    def jobs_of(self, tenant: str) -> str:
        """Sorted set: every stored job of a tenant, as ``jobs``."""
        return self.yard("tenant", tenant)

    def tagged(self, tenant: str, tag: str) -> str:
        """Sorted set: every stored job of a tenant ('' for none) with a tag, as ``jobs``."""
        return self.yard("tag", tenant, tag)

    def unique(self, tenant: str) -> str:
        """Hash: unique key → id of the job that holds it."""
        return self.yard("unique", tenant)

    def waiting(self, tenant: str) -> str:
        """Set: jobs that wait for their first start, of a tenant whose waiting jobs are counted."""
        return self.yard("waiting", tenant)

    def indexes(self) -> str:
        """Set of the names of all lists of tags and tenants, unique keys and waiting jobs."""
        return self.yard("indexes")

    def counters(self, queue: str) -> str:
        """Hash: what ever happened to jobs of a queue, and what did lately, as counts."""
        return self.yard("counters", queue)

    def events(self, queue: str) -> str:
        """Stream of state changes, trimmed by time."""
        return self.yard("events", queue)

    def journal(self, name: str) -> str:
        """Stream of lines that tasks leave, one a successful job, bounded; ``tenant:name``."""
        return self.yard("journal", name)

    def tasks(self) -> str:
        """Set of the names of all published tasks."""
        return self.yard("tasks")

    def task(self, name: str) -> str:
        """Hash of one published task, with all its versions."""
        return self.yard("task", name)

    def idempotency(self, scope: str, key: str) -> str:
        """String ``fingerprint job-id`` of one idempotency key."""
        return self.yard("idem", scope, key)

    def schedule(self, name: str) -> str:
        """Hash of one schedule: its last tick."""
        return self.yard("schedule", name)

    def reaper(self) -> str:
        """Hash: the last tick of reaping, and when it may go on after a gap."""
        return self.yard("reaper")

    def pruner(self) -> str:
        """Hash: queue → the place that the pruner has reached in its index."""
        return self.yard("pruner")

    def quarantine(self) -> str:
        """Hash: id → why its record cannot be read, as JSON."""
        return self.yard("dead", "unreadable")

    def access(self) -> str:
        """Hash: whether keys are in use, and the version of who may do what."""
        return self.yard("access")

    def api_keys(self) -> str:
        """Sorted set: ids of all API keys by creation, µs of the server's clock."""
        return self.yard("apikeys")

    def api_key(self, key_id: str) -> str:
        """Hash of one API key: SHA-256 of it, never the key."""
        return self.yard("apikey", key_id)

    def session(self, digest: str) -> str:
        """Hash of one signed-in session, by the SHA-256 of its secret."""
        return self.yard("session", digest)

    def quotas(self) -> str:
        """Sorted set of the names of tenants that have quotas."""
        return self.yard("quotas")

    def quota(self, tenant: str) -> str:
        """Hash of one tenant's quotas."""
        return self.yard("quota", tenant)

    def limit(self, tenant: str, quota: str) -> str:
        """Hash: what API processes have leased of a quota in this minute."""
        return self.yard("limit", tenant, quota)

    def log_level(self, service: str) -> str:
        """String: the level that all processes of a service are asked to log from, for a time."""
        return self.yard("loglevel", service)

    def audit(self) -> str:
        """Stream of who did what, bounded by length and time."""
        return self.yard("audit")

    def audited(self, entry: str) -> str:
        """String: an entry of the audit log that was written within the last minute."""
        return self.yard("audited", entry)


def prefix_from_environment() -> str:
    """``RQ_KEY_PREFIX``, which RQ itself reads when it is imported."""
    return os.environ.get("RQ_KEY_PREFIX", "rq")
