"""What spans of jobs are called and say, after OpenTelemetry's conventions for messaging."""

from __future__ import annotations

from collections.abc import Mapping

Attributes = Mapping[str, str | int | float | bool | list[str]]

SYSTEM = "jobyard"


def sending(queue: str) -> tuple[str, Attributes]:
    """Name and attributes of the span in which jobs are stored; ``queue`` is empty for several."""
    return _named("send", queue)


def processing(queue: str) -> tuple[str, Attributes]:
    """Name and attributes of the span in which a job runs."""
    return _named("process", queue)


def _named(operation: str, queue: str) -> tuple[str, Attributes]:
    attributes = {
        "messaging.system": SYSTEM,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
    }
    if not queue:
        return operation, attributes
    return f"{operation} {queue}", {**attributes, "messaging.destination.name": queue}
