"""The tasks that processes have published, with their compiled schemas; kept fresh."""

from __future__ import annotations

import asyncio
import difflib
import time
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from jobyard.errors import (
    InvalidPayloadError,
    StoreUnavailableError,
    UnknownQueueError,
    UnknownTaskError,
)
from jobyard.lanes import base_of
from jobyard.observability.logging import get_logger
from jobyard.store import calls
from jobyard.store.records.catalogue import Published, PublishedTask
from jobyard_api.problems import MAX_SHOWN_ERRORS, pointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jobyard.store import AsyncStore
    from jobyard.store.records.catalogue import TaskRecord

REFRESH_SECONDS = 2.0
MISS_REFRESH_SECONDS = 0.1
"""Unknown names ask the store again, but not more often than this."""

MANY_VALUES = 2_000
"""Of a payload with so many, the first mismatch is shown."""

_log = get_logger("jobyard_api")


@dataclass(frozen=True, slots=True)
class KnownTask:
    """A published task and the compiled form of its schema."""

    published: PublishedTask
    validator: Any

    @property
    def record(self) -> TaskRecord:
        """The version that counts."""
        return self.published.record

    def check(self, payload: Mapping[str, Any]) -> None:
        """Compares a payload with the schema.

        Raises:
            InvalidPayloadError: It does not fit; each mismatch has its JSON Pointer.
        """
        if self.validator.is_valid(payload):
            return
        raise InvalidPayloadError(self.record.name, _mismatches(self.validator, payload))


class Catalogue:
    """Tasks by name, and queues, as the store has them and as this process brought them."""

    def __init__(
        self, store: AsyncStore, own: Sequence[TaskRecord], queues: Iterable[str] | None = ()
    ) -> None:
        """``own`` tasks and ``queues`` are known without the store; None for ``queues``: any is."""
        self._store = store
        self._own = list(own)
        self._own_queues = None if queues is None else frozenset(queues)
        self._known: dict[str, KnownTask] = {}
        self._queues: frozenset[str] = frozenset()
        self._clashes: dict[str, tuple[str, ...]] = {}
        self._is_published = False
        self._refreshed_at = -REFRESH_SECONDS
        self._lock = asyncio.Lock()
        self.edition = 0
        """Rises whenever a task has come, changed or gone."""
        self._take(Published((), frozenset()))

    def tasks(self) -> list[KnownTask]:
        """All tasks, by name."""
        return [self._known[name] for name in sorted(self._known)]

    async def get(self, name: str) -> KnownTask:
        """The task of that name; asks the store again when it is not known yet.

        Raises:
            UnknownTaskError: No process has published it.
        """
        if name not in self._known:
            await self._refresh_for_miss()
        if name not in self._known:
            near = difflib.get_close_matches(name, self._known, n=3)
            raise UnknownTaskError(name, tuple(near))
        return self._known[name]

    async def check_queue(self, name: str) -> None:
        """Lets a declared queue pass; asks the store again when it is not known yet.

        Raises:
            UnknownQueueError: No task belongs to it and no worker has ever served it.
        """
        if self._has_queue(name):
            return
        await self._refresh_for_miss()
        if not self._has_queue(name):
            near = difflib.get_close_matches(name, self._queues | (self._own_queues or set()), n=3)
            raise UnknownQueueError(name, tuple(near))

    def _has_queue(self, name: str) -> bool:
        """A lane is declared with its queue."""
        own, base = self._own_queues, base_of(name)
        return own is None or base in self._queues or base in own

    async def refresh(self) -> None:
        """Takes over what the store has, and publishes this process's tasks where it must.

        Raises:
            StoreUnavailableError: The store cannot serve now; what was known stays known.
        """
        published = await self._store.run(calls.published())
        self._take(published)
        self._refreshed_at = time.monotonic()
        await self._publish({task.record.name for task in published.tasks})

    async def keep_fresh(self) -> None:
        """Refreshes for ever; an outage is waited out."""
        while True:
            await self._refresh_quietly()
            await asyncio.sleep(REFRESH_SECONDS)

    async def _refresh_quietly(self) -> None:
        try:
            await self.refresh()
        except StoreUnavailableError as error:
            _log.warning("catalogue.stale", reason=str(error))
        except Exception:  # noqa: BLE001 - the loop's boundary: one bad record must not end it
            _log.exception("catalogue.refresh_failed")

    async def _refresh_for_miss(self) -> None:
        async with self._lock:
            if time.monotonic() - self._refreshed_at >= MISS_REFRESH_SECONDS:
                await self.refresh()

    async def _publish(self, published: set[str]) -> None:
        """Once at the start, and again when the store was emptied."""
        if self._is_published and published >= {record.name for record in self._own}:
            return
        await self._store.run(calls.publish_tasks(self._own))
        self._is_published = True

    def _take(self, published: Published) -> None:
        """What the store has wins over what this process brought; what neither has is gone."""
        brought = (PublishedTask(record) for record in self._own)
        tasks = {task.record.name: task for task in (*brought, *published.tasks)}
        known = {name: self._known_as(task) for name, task in tasks.items()}
        before = self._known
        self._known = {name: task for name, task in known.items() if task is not None}
        theirs = {task.record.queue for task in self._known.values()}
        self._queues = frozenset(map(base_of, published.queues | theirs))
        self.edition += self._known != before
        self._report_clashes()

    def _known_as(self, task: PublishedTask) -> KnownTask | None:
        before = self._known.get(task.record.name)
        if before is not None and before.published.record == task.record:
            return replace(before, published=task)
        try:
            return KnownTask(task, compile_schema(task.record.schema))
        except (ValueError, TypeError, jsonschema_rs.ReferencingError) as error:
            name, reason = task.record.name, str(error)[:500]
            _log.warning("catalogue.schema_refused", task=name, reason=reason)
            return None

    def _report_clashes(self) -> None:
        """Once for the same versions: they stay for as long as a rollout takes."""
        clashes = {
            name: tuple(version.version for version in task.published.versions if version.served)
            for name, task in self._known.items()
            if task.published.clash
        }
        for name, versions in clashes.items():
            if self._clashes.get(name) != versions:
                _log.warning("catalogue.clash", task=name, versions=",".join(versions))
        self._clashes = clashes


def compile_schema(schema: Mapping[str, Any]) -> Any:
    """A Draft 2020-12 validator; references out of the schema itself are refused.

    Date and time formats are left to the task: JSON Schema's are narrower than what tasks take.

    Raises:
        ValueError: The schema is not one.
    """
    return jsonschema_rs.Draft202012Validator(
        # With "properties" there, unknown keys are named; without, only the object around them.
        {"properties": {}, **schema},
        validate_formats=True,
        formats=dict.fromkeys(("date-time", "date", "time", "duration"), _any_text),
        retriever=_refuse_reference,
    )


def _any_text(_: str) -> bool:
    return True


def _refuse_reference(uri: str) -> Any:
    raise ValueError(f"the schema refers to {uri}, outside of itself")


def _mismatches(validator: Any, payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    places = (place for error in _errors(validator, payload) for place in _located(error))
    return list(islice(places, MAX_SHOWN_ERRORS))


def _errors(validator: Any, payload: Mapping[str, Any]) -> Iterator[Any]:
    """Every mismatch; of a large payload the first: the validator finds all or one.

    To find all in a hundred thousand values takes a second, for which no other request is served.
    """
    if sum(1 for _ in islice(_values(payload), MANY_VALUES)) < MANY_VALUES:
        yield from validator.iter_errors(payload)
        return
    try:
        validator.validate(payload)
    except jsonschema_rs.ValidationError as error:
        yield error


def _values(value: Any) -> Iterator[Any]:
    waiting = [iter([value])]
    while waiting:
        found = next(waiting[-1], waiting)
        if found is waiting:
            waiting.pop()
            continue
        yield found
        if isinstance(found, dict | list):
            waiting.append(iter(found.values() if isinstance(found, dict) else found))


def _located(error: Any) -> Iterator[tuple[str, str]]:
    """Missing and unknown keys are named by themselves, not by the object around them."""
    path = list(error.instance_path)
    kinds = jsonschema_rs.ValidationErrorKind
    match error.kind:
        case kinds.Required():
            yield pointer([*path, error.kind.property]), "is required"
        case kinds.AdditionalProperties() | kinds.UnevaluatedProperties():
            for name in error.kind.unexpected:
                yield pointer([*path, name]), "is not a key of this task's payload"
        case _:
            yield pointer(path), error.message[:300]
