"""What a scheduler's traces say: a schedule was fired, a dead worker's jobs were given back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.lanes import base_of
from jobyard.observability.messaging import sending

if TYPE_CHECKING:
    from datetime import datetime

    from jobyard.observability.messaging import Attributes
    from jobyard.observability.tracer import OpenSpan, Tracer
    from jobyard.store.records.submission import Submission
    from jobyard.store.records.upkeep import Reaped


class Firing:
    """One tick of one schedule, which another scheduler may have fired before."""

    def __init__(self, submission: Submission, span: OpenSpan | None) -> None:
        trace = span.context.traceparent if span else ""
        self.submission = submission.traced(trace)
        self._span = span

    def took_place(self) -> None:
        """It was this one that fired it: only then is it recorded."""
        if self._span is not None:
            self._span.end()


class Spans:
    """Records where there is a tracer."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer

    def firing(self, schedule: str, tick: datetime, submission: Submission) -> Firing:
        """The job of a tick is part of a trace of its own; ``submission`` is told which."""
        if self._tracer is None:
            return Firing(submission, None)
        name, attributes = sending(base_of(submission.queue))
        own = {
            "messaging.message.id": submission.id,
            "jobyard.schedule": schedule,
            "jobyard.tick": tick.isoformat(),
        }
        return Firing(submission, self._tracer.producer(name, {**attributes, **own}))

    def reaped(self, reaped: Reaped) -> None:
        """Workers were gone, and what they held was given back."""
        if self._tracer is None:
            return
        said: Attributes = {
            "jobyard.workers": list(reaped.workers),
            "jobyard.rescued": reaped.rescued,
            "jobyard.quarantined": reaped.quarantined,
        }
        self._tracer.internal("reap", said).end()
