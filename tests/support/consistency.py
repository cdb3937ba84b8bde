"""What must be true of every job in the store at every moment, read from the raw keys."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from support.keyspace import NO_EXPIRY, dump

if TYPE_CHECKING:
    from jobyard.keys import Keys
    from support.servers import RawClient

_STATUS_OF_PLACE = {
    "queue": "queued",
    "wip": "started",
    "scheduled": "scheduled",
    "finished": "finished",
    "failed": "failed",
    "canceled": "canceled",
}
_PLACE_OF_STATUS = {
    **{status: place for place, status in _STATUS_OF_PLACE.items()},
    "stopped": "failed",
}
_TERMINAL = ("finished", "failed", "canceled")
_ENDED = (*_TERMINAL, "stopped")
_COUNTER_OF_PLACE = {"finished": "succeeded", "failed": "failed", "canceled": "canceled"}


def verify(client: RawClient, keys: Keys) -> None:
    """Asserts that every stored job is in exactly one place and every index agrees with it.

    Holds for any keyspace that only the store's moves made and nothing was pruned from.
    """
    held = _Contents(dump(client), keys.prefix)
    held.verify_places()
    held.verify_holds()
    held.verify_expiry()
    held.verify_apart()
    held.verify_counters()
    held.verify_index()
    held.verify_ties()


def displaced(before: dict[str, Any], after: dict[str, Any], prefix: str) -> list[str]:
    """What is wrong with jobs that changed between two dumps; empty when every move was whole.

    A job either stayed as and where it was, or is in exactly the place that its status says. Keys
    of a foreign type count as empty.
    """
    old, new = _Contents(before, prefix), _Contents(after, prefix)
    wrong = []
    for job_id in old.jobs.keys() & new.jobs.keys():
        places, expected = new.places[job_id], old.places[job_id]
        if old.jobs[job_id] != new.jobs[job_id]:
            status = new.jobs[job_id]["status"]
            expected = [(_PLACE_OF_STATUS[status], new.jobs[job_id]["origin"])]
        if places != expected:
            wrong.append(f"{job_id} is in {places}, not in {expected}")
    return wrong


def _apart(job_id: str) -> tuple[str, str]:
    return f"yard:payload:{job_id}", f"yard:result:{job_id}"


class _Contents:
    def __init__(self, values: dict[str, Any], prefix: str) -> None:
        self.values = {name.removeprefix(f"{prefix}:"): value for name, value in values.items()}
        self.jobs = {
            name.removeprefix("job:"): {k.decode(): v.decode() for k, v in value[1].items()}
            for name, value in self.values.items()
            if name.startswith("job:") and value[0] == "hash"
        }
        self.queues = {job["origin"] for job in self.jobs.values()}
        self.places = self._places()

    def verify_places(self) -> None:
        for job_id, job in self.jobs.items():
            places = self.places[job_id]
            assert len(places) == 1, f"job {job_id} ({job['status']}) is in {places or 'no place'}"
            place, queue = places[0]
            assert _STATUS_OF_PLACE[place] == job["status"], f"{job_id}: {place} {job['status']}"
            assert queue == job["origin"], f"{job_id} of {job['origin']} is in {queue}"
        strangers = self.places.keys() - self.jobs.keys()
        assert not strangers, f"listed without a record: {strangers}"

    def verify_holds(self) -> None:
        listed = {
            (member, queue) for queue in self.queues for member in self._members("wip", queue)
        }
        held = [
            (member.decode(), queue.decode())
            for name, value in self.values.items()
            if name.startswith("yard:held:")
            for member, queue in value[1].items()
        ]
        assert len(held) == len(set(held)), f"held twice: {held}"
        assert set(held) == listed, f"held {held}, wip {listed}"
        for member, _ in held:
            job_id, _, token = member.rpartition(":")
            assert self.jobs[job_id]["token"] == token, f"{member} is not the job's token"

    def verify_expiry(self) -> None:
        for job_id, job in self.jobs.items():
            for name in (f"job:{job_id}", f"results:{job_id}", *_apart(job_id)):
                if name not in self.values:
                    continue
                expires = self.values[name][2] != NO_EXPIRY
                assert expires is (job["status"] in _TERMINAL), f"{name} {job['status']} {expires}"

    def verify_apart(self) -> None:
        """What is kept apart is what the records say, and is counted once its job ended."""
        said: dict[str, str] = {}
        for job_id, job in self.jobs.items():
            sizes = (job.get("payload_bytes"), job.get("result_bytes"))
            said |= {name: size for name, size in zip(_apart(job_id), sizes, strict=True) if size}
        found = {
            name: str(len(value[1]))
            for name, value in self.values.items()
            if name.startswith(("yard:payload:", "yard:result:"))
        }
        assert found == said
        for queue in self.queues:
            listed = self.values.get(f"yard:apart:{queue}", ("", [], 0))[1]
            counted = {member.decode(): int(score) for member, score in listed}
            assert counted == self._apart_of_ended(queue, said)

    def _apart_of_ended(self, queue: str, said: dict[str, str]) -> dict[str, int]:
        sizes = {
            job_id: sum(int(said.get(name, 0)) for name in _apart(job_id))
            for job_id, job in self.jobs.items()
            if job["origin"] == queue and job["status"] in _TERMINAL
        }
        return {job_id: size for job_id, size in sizes.items() if size}

    def verify_counters(self) -> None:
        stored = Counter(job["origin"] for job in self.jobs.values())
        for queue in self.queues:
            counts = Counter({name: int(n) for name, n in self._counters(queue).items()})
            assert counts["submitted"] == stored[queue] + counts["forgotten"], (queue, counts)
            if counts["forgotten"] or counts["requeued"]:
                self._verify_ends_in_all(queue, counts)
                continue
            counts["canceled"] += counts["expired"]
            for place, counter in _COUNTER_OF_PLACE.items():
                assert counts[counter] == len(self._members(place, queue)), (queue, counts)

    def _verify_ends_in_all(self, queue: str, counts: Counter[str]) -> None:
        """After moves by hand: a job may have ended twice, and be forgotten."""
        ended = sum(len(self._members(place, queue)) for place in _TERMINAL)
        counted = sum(counts[name] for name in (*_COUNTER_OF_PLACE.values(), "expired"))
        assert counted == ended + counts["forgotten"] + counts["requeued"], (queue, counts)

    def verify_index(self) -> None:
        for queue in self.queues:
            indexed = set(self._members("yard:jobs", queue))
            stored = {job_id for job_id, job in self.jobs.items() if job["origin"] == queue}
            assert indexed == stored, f"index of {queue}: {indexed ^ stored}"

    def verify_ties(self) -> None:
        """What knows a job beside its queue: lists, unique keys, the waiting jobs of a tenant."""
        lists: dict[str, set[str]] = defaultdict(set)
        waiting: dict[str, set[str]] = defaultdict(set)
        holders: dict[str, dict[str, str]] = defaultdict(dict)
        for job_id, job in self.jobs.items():
            tenant, ties = job.get("tenant", ""), job.get("ties", "")
            if tenant:
                lists[f"yard:tenant:{tenant}"].add(job_id)
            for tag in json.loads(job.get("tags", "[]")):
                lists[f"yard:tag:{tenant}:{tag}"].add(job_id)
            if "u" in ties and job["status"] not in _ENDED:
                holders[f"yard:unique:{tenant}"][job["unique"]] = job_id
            if "w" in ties and job["status"] not in (*_ENDED, "started"):
                waiting[f"yard:waiting:{tenant}"].add(job_id)
        kinds = ("yard:tenant:", "yard:tag:")
        names = {name for name in self.values if name.startswith(kinds)}
        shown = {name: self._listed(name) for name in names}
        assert shown == lists, f"{shown} is not {dict(lists)}"
        held = {name for name in self.values if name.startswith("yard:unique:")}
        keys = {name: self._fields(name) for name in held}
        assert keys == holders, f"{keys} is not {dict(holders)}"
        for name in {name for name in self.values if name.startswith("yard:waiting:")} | {*waiting}:
            listed = self._listed(name) if name in self.values else set()
            unstarted = {job for job in waiting[name] if "deliveries" not in self.jobs[job]}
            assert unstarted <= listed <= waiting[name], f"{name}: {listed}"

    def _listed(self, name: str) -> set[str]:
        kind, rows = self.values[name][:2]
        return {(row[0] if kind == "zset" else row).decode() for row in rows}

    def _fields(self, name: str) -> dict[str, str]:
        return {k.decode(): v.decode() for k, v in self.values[name][1].items()}

    def _places(self) -> dict[str, list[tuple[str, str]]]:
        places: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for queue in self.queues:
            for place in _STATUS_OF_PLACE:
                for member in self._members(place, queue):
                    job_id = member.rpartition(":")[0] if place == "wip" else member
                    places[job_id].append((place, queue))
        return places

    def _members(self, place: str, queue: str) -> list[str]:
        found = self.values.get(f"{place}:{queue}")
        if found is None or found[0] not in ("list", "zset"):
            return []
        rows = found[1] if place == "queue" else [member for member, _ in found[1]]
        return [row.decode() for row in rows]

    def _counters(self, queue: str) -> dict[str, str]:
        found = self.values.get(f"yard:counters:{queue}")
        return {k.decode(): v.decode() for k, v in found[1].items()} if found else {}
