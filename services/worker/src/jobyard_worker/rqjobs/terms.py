"""On what terms a worker runs jobs of plain RQ code. Pure; sent to each horse."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

RESULT_TTL_SECONDS = 500
"""``rq.defaults.DEFAULT_RESULT_TTL``, without its import."""

FAILURE_TTL_SECONDS = 365 * 86_400
"""``rq.defaults.DEFAULT_FAILURE_TTL``."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator allows and what RQ's command line said; names are dotted paths."""

    functions: tuple[str, ...] = ()
    allow_pickle: bool = False
    serializer: str = ""
    """Another one than JSON and pickle, which are told apart by the record."""
    job_class: str = "rq.job.Job"
    queue_class: str = "rq.queue.Queue"
    exception_handlers: tuple[str, ...] = ()
    result_ttl_seconds: int = RESULT_TTL_SECONDS
    max_result_bytes: int = 16 * 1024 * 1024
    max_job_seconds: float = 0.0
    """No job may run for longer; 0 for any time."""
    is_of_rq: bool = False
    """Whether RQ's command line started the worker."""
    promotes: bool = False
    """Whether it was started ``--with-scheduler``."""

    def as_dict(self) -> dict[str, Any]:
        """For the order that a horse is given."""
        return asdict(self)
