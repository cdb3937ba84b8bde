"""One line for each attempt that ended: how, how long it took, and how long what is left is kept.

It holds no payload and no result, unless the job's task says so. An error's message may name
values: it is its task's own text.
"""

from __future__ import annotations

from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from jobyard.errors import UnreadableJobError
from jobyard.observability.bounded import cut, cut_start
from jobyard.observability.frequent import PreparedEvent
from jobyard.observability.logging import get_logger
from jobyard.store.data import decode_data
from jobyard.store.records.delivery import REFUSED, Retrying, RQEnded, Settled, Succeeded
from jobyard_worker.job_fields import fields_of
from jobyard_worker.outcome import outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jobyard.store.records.delivery import ErrorInfo, Settlement
    from jobyard.task import Task
    from jobyard_worker.delivery import Delivery

_log = get_logger("jobyard_worker")

_BAD = frozenset({"failed", "crashed", "stopped"})
"""Outcomes that somebody should look at; a retry is as its task's author planned it."""

_VALUE_CHARACTERS = 1_000
"""Of a payload or a result that a task shows."""

_MESSAGE_CHARACTERS = 500
_TRACEBACK_CHARACTERS = 2_000
"""So that the line goes through a full pipe in one piece (4 KiB); the job itself keeps 16 KiB."""


class OutcomeLog:
    """Used in the settler's thread, for batches that the store has answered."""

    def __init__(self, tasks: Mapping[str, Task] = MappingProxyType({})) -> None:
        """``tasks`` by name say whether payloads and results are shown."""
        self._tasks = tasks

    def note(
        self, batch: Iterable[tuple[Delivery, Settlement]], replies: Sequence[Settled]
    ) -> None:
        """Logs each attempt of a batch."""
        for (delivery, settlement), reply in zip(batch, replies, strict=True):
            if reply in REFUSED:
                _log.warning("job.refused", **fields_of(delivery), reason=reply.value)
            elif (outcome := outcome_of(settlement)) in _BAD:
                _log.warning("job.finished", **self._fields(delivery, settlement, outcome))
            elif self._good.is_wanted:
                line = self._good.line(self._fields(delivery, settlement, outcome))
                self._good.write(line)

    @cached_property
    def _good(self) -> PreparedEvent:
        """Made with the first that ends, when logging is configured."""
        return PreparedEvent("jobyard_worker", "job.finished")

    def _fields(self, delivery: Delivery, settlement: Settlement, outcome: str) -> dict[str, Any]:
        return {
            **fields_of(delivery),
            "outcome": outcome,
            "duration_ms": round((settlement.ended - settlement.started) * 1000, 3),
            "wait_ms": round(delivery.wait_seconds(settlement.started) * 1000, 3),
            **_what_follows(delivery, settlement, outcome),
            **_error_of(settlement),
            **self._values(delivery, settlement),
        }

    def _values(self, delivery: Delivery, settlement: Settlement) -> dict[str, Any]:
        """Payload and result, as JSON text, where the task says so."""
        task = self._tasks.get(delivery.task)
        if task is None or not (task.log_payload or task.log_result):
            return {}
        shown = {"payload": _payload_of(delivery)} if task.log_payload else {}
        if task.log_result and isinstance(settlement, Succeeded):
            shown["result"] = _shown(settlement.result)
        return shown


def _what_follows(delivery: Delivery, settlement: Settlement, outcome: str) -> dict[str, Any]:
    """How long what is left is kept, or when the job is tried again."""
    job = delivery.job
    own = settlement.fields if isinstance(settlement, RQEnded) else {}
    match outcome:
        case "succeeded":
            return {"result_ttl_seconds": int(own.get("result_ttl", job.result_ttl_seconds))}
        case "retrying" if isinstance(settlement, (Retrying, RQEnded)):
            return {"delay_seconds": round(settlement.delay_seconds, 3)}
        case "crashed":  # its crash budget, which the store keeps, decides
            return {}
        case _:
            return {"failure_ttl_seconds": int(own.get("failure_ttl", job.failure_ttl_seconds))}


def _error_of(settlement: Settlement) -> dict[str, Any]:
    error: ErrorInfo | None = getattr(settlement, "error", None)
    if error is None:
        return {}
    trace = {"traceback": cut_start(error.traceback, _TRACEBACK_CHARACTERS)}
    message = cut(error.message, _MESSAGE_CHARACTERS)
    return {"exception": {"type": error.type, "message": message, **trace}}


def _payload_of(delivery: Delivery) -> str:
    try:
        payload = decode_data(delivery.job.data).payload
    except UnreadableJobError:
        return ""
    return _shown(to_json(payload))


def _shown(text: bytes) -> str:
    return cut(text.decode(errors="replace"), _VALUE_CHARACTERS)
