"""Tasks as the processes that have them publish them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """A task as the processes that have it publish it. ``schema`` is JSON Schema 2020-12."""

    name: str
    schema: Mapping[str, Any]
    queue: str
    timeout_seconds: int
    result_ttl_seconds: int
    failure_ttl_seconds: int
    retry: Mapping[str, Any]
    isolated: bool
    description: str
    version: str


@dataclass(frozen=True, slots=True)
class TaskVersion:
    """One version of a task in the catalogue: when it was first seen, and whether it is served."""

    version: str
    first_seen_at: datetime | None
    served: bool
    """By a worker that is alive."""


@dataclass(frozen=True, slots=True)
class PublishedTask:
    """A task of the catalogue: the version that counts, and all there are, that one first."""

    record: TaskRecord
    versions: tuple[TaskVersion, ...] = ()

    @property
    def clash(self) -> bool:
        """Whether living workers serve different versions: payloads are checked by one of them."""
        return sum(version.served for version in self.versions) > 1


@dataclass(frozen=True, slots=True)
class Published:
    """The catalogue: tasks by name, and the queues that anybody has ever declared."""

    tasks: tuple[PublishedTask, ...]
    queues: frozenset[str]
