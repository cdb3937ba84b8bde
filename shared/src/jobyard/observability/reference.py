"""Writes the tables of all metrics and their labels into ``docs/metrics.md``, from the code.

``make reference``. A test holds the page against it.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from jobyard.observability import metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from jobyard.observability.metrics import Metric

BEGIN = "<!-- Generated from jobyard/observability/metrics.py. Change it there. -->"
END = "<!-- End of what is generated. -->"

_GROUPS = {
    "Of every process": metrics.EVERY,
    "Of an API process": metrics.API,
    "Of a worker": metrics.WORKER,
    "Of the store, from a scheduler": metrics.LEVELS,
    "Of a scheduler": metrics.SCHEDULER,
}
_REMARKS = {
    "Of every process": "And what the Prometheus client says of any process on Linux: "
    "`process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_virtual_memory_bytes`, "
    "`process_start_time_seconds`, `process_open_fds`, `process_max_fds`.",
    "Of the store, from a scheduler": "Every scheduler shows the same: take the maximum, not the "
    "sum. Looked at once a second, less often where that would take more than 0.5 % of the store's "
    "time. While the store does not answer only `jobyard_store_up` is shown, as 0.",
}


def page_with_tables(page: str) -> str:
    """``page`` with what is generated between its two marks renewed.

    Raises:
        ValueError: It has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN!r} and {END!r} in the page")
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def tables() -> str:
    """One table a service, and one of the labels."""
    parts = (_section(title, group) for title, group in _GROUPS.items())
    return "\n".join(chain(chain.from_iterable(parts), _labels()))


def _section(title: str, group: Sequence[Metric]) -> Iterator[str]:
    yield f"### {title}\n"
    if title in _REMARKS:
        yield f"{_REMARKS[title]}\n"
    yield "| metric | type | labels | meaning |"
    yield "|---|---|---|---|"
    yield from map(_row, group)
    yield ""


def _row(metric: Metric) -> str:
    labels = " ".join(f"`{label}`" for label in metric.labels)
    said = "; ".join(filter(None, (metric.meaning, metric.details)))
    return f"| `{metric.name}` | {metric.kind} |{f' {labels} ' if labels else ' '}| {said} |"


def _labels() -> Iterable[str]:
    yield "### Labels\n"
    yield "| label | values |"
    yield "|---|---|"
    for label, values in metrics.LABELS.items():
        yield f"| `{label}` | {values} |"
    yield ""


def write(page: Path) -> None:
    """Renews the tables of a page."""
    page.write_text(page_with_tables(page.read_text("utf-8")), "utf-8")
