"""What RQ sees as the function of every job of ours: a task's name and a payload are its arguments.

Our worker never calls it, it runs the task itself. A stock RQ worker on our queues does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rq import get_current_job

from jobyard.context import Context
from jobyard.errors import UnreadableJobError
from jobyard.keys import Keys, prefix_from_environment
from jobyard.registry import discover
from jobyard.store.data import decode_data
from jobyard_worker.execution import result_json
from jobyard_worker.executors.coroutines import Coroutines
from jobyard_worker.settings import TaskSettings

if TYPE_CHECKING:
    from jobyard.task import Task


def perform(task: str, payload: dict[str, Any] | None = None) -> Any:
    """Runs a registered task here and now; what it leaves in journals is not kept.

    Raises:
        UnknownTaskError: No task of that name is declared.
        InvalidPayloadError: The payload does not fit.
        ResultNotStorableError: JSON cannot carry the result.
    """
    settings = TaskSettings.load()
    found = discover(settings.task_modules).get(task)
    arguments = found.payload.bind(payload or {})
    if found.payload.context_parameter:
        arguments[found.payload.context_parameter] = _context(found)
    value = found.function(**arguments)
    if found.is_async:
        value = Coroutines().run(value)
    result_json(found.name, value, settings.max_result_bytes)
    return value


def perform_large(task: str, payload_bytes: int) -> Any:
    """As ``perform``, for a job whose payload of so many bytes is kept apart from its record.

    Raises:
        UnreadableJobError: The payload is gone; otherwise as ``perform``.
    """
    job = get_current_job()
    found = job and job.connection.get(Keys(prefix_from_environment()).payload(job.id))
    if not isinstance(found, bytes):
        raise UnreadableJobError(f"The payload of {payload_bytes} bytes is gone.")
    return perform(task, decode_data(found).payload)


def _context(task: Task) -> Context:
    job = get_current_job()
    return Context(
        job_id=job.id if job else "",
        task=task.name,
        queue=job.origin if job else "",
        timeout_seconds=job.timeout if job else None,
    )
