"""Which traces are recorded, where the usual samplers leave a story without its end.

A retry begins a trace of its own that is linked to the first one: it is recorded as that one is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler
from opentelemetry.trace import get_current_span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.sampling import SamplingResult
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes


def heeds_parents(sampler: Sampler) -> bool:
    """Whether a span is recorded as its parent is, as ``OTEL_TRACES_SAMPLER`` says by default."""
    return isinstance(sampler, ParentBased)


class StorySampler(Sampler):
    """Decides as another one does, and for a root with a link as was decided for what it names."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def should_sample(  # type: ignore[explicit-override]  # noqa: PLR0917 - OpenTelemetry's
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """As OpenTelemetry's."""
        sampler = self._sampler
        if links and not get_current_span(parent_context).get_span_context().is_valid:
            sampler = ALWAYS_ON if links[0].context.trace_flags.sampled else ALWAYS_OFF
        return sampler.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:  # type: ignore[explicit-override]  # as above
        """As OpenTelemetry's."""
        return f"StorySampler{{{self._sampler.get_description()}}}"
