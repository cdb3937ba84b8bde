"""Whether this process records traces. All that needs OpenTelemetry is imported only then.

It is turned on by the variables that OpenTelemetry names: with the address of a collector.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobyard.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobyard.observability.child_tracer import ChildTracer
    from jobyard.observability.tracer import Tracer

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def start_tracing(service: str) -> Tracer | None:
    """The tracer of a service, as in ``worker``; None where no traces are asked for.

    One a process, made once it forks no more: it has a thread.

    Raises:
        ConfigurationError: OpenTelemetry's variables contradict each other.
    """
    if not is_traced():
        return None
    from jobyard.observability.tracer import Tracer  # noqa: PLC0415 - as the head says

    try:
        return Tracer(service)
    except ValueError as error:
        raise ConfigurationError(f"OTEL_* variables: {error}") from None


@contextmanager
def sent(tracer: Tracer | None) -> Iterator[None]:
    """What is recorded in this ``with`` is sent by its end, as far as the collector takes it."""
    try:
        yield
    finally:
        if tracer is not None:
            tracer.close()


def start_child_tracing() -> ChildTracer | None:
    """The tracer of a process that runs tasks for a worker; None as above. It may be forked."""
    if not is_traced():
        return None
    from jobyard.observability.child_tracer import ChildTracer  # noqa: PLC0415 - as above

    return ChildTracer("worker")


def is_traced() -> bool:
    """Whether the environment names a collector, and does not say that nothing is to be sent."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return False
    return any(os.environ.get(name, "").strip() for name in _ENDPOINTS)
