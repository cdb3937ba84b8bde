"""The tasks that processes have published, with their compiled schemas; kept fresh."""

from __future__ import annotations

import asyncio
import difflib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from jobyard.errors import InvalidPayloadError, StoreUnavailableError, UnknownTaskError
from jobyard.observability.logging import get_logger
from jobyard.store import calls
from jobyard_api.problems import MAX_SHOWN_ERRORS, pointer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jobyard.store import AsyncStore
    from jobyard.store.records import TaskRecord

REFRESH_SECONDS = 2.0
MISS_REFRESH_SECONDS = 0.1
"""Unknown names ask the store again, but not more often than this."""

_log = get_logger("jobyard_api")


@dataclass(frozen=True, slots=True)
class KnownTask:
    """A published task and the compiled form of its schema."""

    record: TaskRecord
    validator: Any

    def check(self, payload: Mapping[str, Any]) -> None:
        """Compares a payload with the schema.

        Raises:
            InvalidPayloadError: It does not fit; each mismatch has its JSON Pointer.
        """
        if self.validator.is_valid(payload):
            return
        raise InvalidPayloadError(self.record.name, list(_mismatches(self.validator, payload)))


class Catalogue:
    """Tasks by name, as the store has them and as this process brought them."""

    def __init__(self, store: AsyncStore, own: Sequence[TaskRecord]) -> None:
        self._store = store
        self._own = list(own)
        self._known: dict[str, KnownTask] = {}
        self._is_published = False
        self._refreshed_at = -REFRESH_SECONDS
        self._lock = asyncio.Lock()
        self._take([])

    def tasks(self) -> list[TaskRecord]:
        """All tasks, by name."""
        return [self._known[name].record for name in sorted(self._known)]

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

    async def refresh(self) -> None:
        """Takes over what the store has, and publishes this process's tasks where it must.

        Raises:
            StoreUnavailableError: The store cannot serve now; what was known stays known.
        """
        published = await self._store.run(calls.published_tasks())
        self._take(published)
        self._refreshed_at = time.monotonic()
        await self._publish({record.name for record in published})

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

    def _take(self, published: Sequence[TaskRecord]) -> None:
        """What the store has wins over what this process brought; what neither has is gone."""
        records = {record.name: record for record in (*self._own, *published)}
        known = {name: self._known_as(record) for name, record in records.items()}
        self._known = {name: task for name, task in known.items() if task is not None}

    def _known_as(self, record: TaskRecord) -> KnownTask | None:
        before = self._known.get(record.name)
        if before is not None and before.record == record:
            return before
        try:
            return KnownTask(record, compile_schema(record.schema))
        except (ValueError, TypeError, jsonschema_rs.ReferencingError) as error:
            _log.warning("catalogue.schema_refused", task=record.name, reason=str(error)[:500])
            return None


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


def _mismatches(validator: Any, payload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for count, error in enumerate(validator.iter_errors(payload)):
        if count == MAX_SHOWN_ERRORS:
            return
        yield from _located(error)


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
