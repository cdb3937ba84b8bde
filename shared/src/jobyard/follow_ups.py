"""Jobs that a task enqueues, as JSON records until it has succeeded. Used where tasks run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from jobyard.catalogue import record_of, stand_in
from jobyard.errors import ConfigurationError, InvalidPayloadError, UnknownTaskError
from jobyard.observability.trace_context import current_trace
from jobyard.orders import Order, check_size, submission_of
from jobyard.queues import check_name
from jobyard.store.records.submission import Submission
from jobyard.task import Options, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jobyard.registry import Registry
    from jobyard.settings import Settings
    from jobyard.store.records.catalogue import TaskRecord
    from jobyard.task import Duration, Retry

MAX_DELAY_SECONDS = 10 * 366 * 86_400.0
MAX_TAGS = 20
MAX_TAG_CHARACTERS = 64


class FollowUps:
    """Checks what a task enqueues, and fills in what it leaves out. One a process."""

    def __init__(self, registry: Registry, settings: Settings) -> None:
        self._registry = registry
        self._settings = settings
        self._known: dict[str, TaskRecord] = {}

    def record(
        self,
        task: object,
        payload: Mapping[str, Any],
        *,
        queue: str | None = None,
        delay: Duration | None = None,
        expires_at: datetime | None = None,
        timeout: Duration | None = None,
        retry: Retry | None = None,
        tags: Sequence[str] = (),
    ) -> dict[str, Any]:
        """A new job as what JSON can carry; ``Context.enqueue`` says what the options mean.

        Raises:
            UnknownTaskError, InvalidPayloadError: There is no such task, or it takes another
                payload.
            PayloadTooLargeError: It is larger than the settings allow.
            ConfigurationError: An option cannot work.
        """
        name, found = self._find(task, queue)
        options = Options(name)
        order = Order(
            task=name,
            payload=_checked(name, found, payload),
            queue=options.queue(queue),
            delay_seconds=_delay(options, delay),
            expires_at=_aware(options, expires_at),
            timeout_seconds=options.seconds("timeout", timeout),
            retry=None if retry is None else options.retry(retry).to_json(),
            tags=_tags(options, tags),
        )
        submission = submission_of(order, self._defaults(name, found))
        if (trace := current_trace.get()) is not None:
            submission = submission.traced(trace.traceparent)
        return _record(check_size(submission, self._settings.max_payload_bytes))

    def _find(self, task: object, queue: str | None) -> tuple[str, Task | None]:
        """A task that only other workers have is named together with its queue."""
        found = task if isinstance(task, Task) else getattr(task, "task", None)
        if isinstance(found, Task):
            return found.name, found
        if not isinstance(task, str):
            raise ConfigurationError(f"enqueue({task!r}): give a task's name, or its function.")
        try:
            return task, self._registry.get(task)
        except UnknownTaskError as error:
            if queue is None:
                advice = "Where only other workers have it, give queue=… too."
                raise UnknownTaskError(task, error.nearest, advice) from None
            return _wire_name(task), None

    def _defaults(self, name: str, found: Task | None) -> TaskRecord:
        if found is None:
            return stand_in(name, self._settings)
        if name not in self._known:
            self._known[name] = record_of(found, self._settings)
        return self._known[name]


def submissions_of(records: Iterable[Mapping[str, Any]]) -> tuple[Submission, ...]:
    """The submissions of ``FollowUps.record``, also after a way as JSON."""
    return tuple(_submission(record) for record in records)


def _record(submission: Submission) -> dict[str, Any]:
    expires_at = submission.expires_at
    return {
        **{name: value for name, value in submission._asdict().items() if value},
        "payload": submission.payload.decode(),
        "retry": submission.retry.decode(),
        "expires_at": expires_at and expires_at.isoformat(),
    }


def _submission(record: Mapping[str, Any]) -> Submission:
    expires_at = record["expires_at"]
    return Submission(
        **{
            **record,
            "payload": record["payload"].encode(),
            "retry": record["retry"].encode(),
            "expires_at": expires_at and datetime.fromisoformat(expires_at),
            "tags": tuple(record.get("tags", ())),
        }
    )


def _wire_name(name: str) -> str:
    try:
        return check_name(name, "task")
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def _checked(name: str, found: Task | None, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The payload as whoever runs the job will read it."""
    try:
        read = from_json(to_json(payload, inf_nan_mode="constants"), allow_inf_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidPayloadError(name, [("", f"JSON cannot carry it: {error}")]) from None
    if not isinstance(read, dict):
        raise InvalidPayloadError(name, [("", "give an object: a dict or a model")])
    if found is not None:
        found.payload.bind(read)
    return read


def _delay(options: Options, delay: Duration | None) -> float | None:
    if delay is None:
        return None
    seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise options.wrong(f"delay={delay!r}: give seconds or a timedelta")
    if not 0 <= seconds <= MAX_DELAY_SECONDS:
        raise options.wrong(f"delay={delay!r}: give 0 or more, and at most ten years")
    return float(seconds)


def _aware(options: Options, moment: datetime | None) -> datetime | None:
    if moment is not None and (not isinstance(moment, datetime) or moment.utcoffset() is None):
        raise options.wrong(f"expires_at={moment!r}: give a datetime with its zone")
    return moment


def _tags(options: Options, tags: Sequence[str]) -> tuple[str, ...]:
    if isinstance(tags, str) or len(tags) > MAX_TAGS or not all(map(_is_tag, tags)):
        raise options.wrong(
            f"tags={tags!r}: give up to {MAX_TAGS} texts of 1 to {MAX_TAG_CHARACTERS} characters"
        )
    return tuple(tags)


def _is_tag(tag: object) -> bool:
    """JSON cannot carry half of a surrogate pair."""
    if not isinstance(tag, str) or not 0 < len(tag) <= MAX_TAG_CHARACTERS:
        return False
    return not any("\ud800" <= letter <= "\udfff" for letter in tag)
