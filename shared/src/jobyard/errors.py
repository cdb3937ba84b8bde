"""The one tree of errors. Raised everywhere; the API turns each into a problem in one table."""

from __future__ import annotations


class JobyardError(Exception):
    """Base of every error that Jobyard raises on purpose."""


class ConfigurationError(JobyardError):
    """A setting or a task declaration is wrong; the process says which and stops."""


class UnknownTaskError(JobyardError):
    """No task of that name is declared.

    Attributes:
        name: The name that was asked for.
        nearest: Declared names that look like it, best first.
    """

    def __init__(self, name: str, nearest: tuple[str, ...] = ()) -> None:
        self.name = name
        self.nearest = nearest
        hint = f" Did you mean {', '.join(nearest)}?" if nearest else ""
        super().__init__(f"No task named {name!r} is declared.{hint}")


class InvalidPayloadError(JobyardError):
    """A payload does not fit its task.

    Attributes:
        problems: ``(JSON Pointer, message)`` of each mismatch.
    """

    def __init__(self, task: str, problems: list[tuple[str, str]]) -> None:
        self.task = task
        self.problems = problems
        shown = "; ".join(f"{pointer or '/'}: {message}" for pointer, message in problems)
        super().__init__(f"The payload does not fit task {task!r}: {shown}")


class UnreadableJobError(JobyardError):
    """A stored job cannot be read: a foreign serializer, a broken record, an unknown function."""


class StoreUnavailableError(JobyardError):
    """The store cannot serve now (away, loading, read-only, out of memory). Try again later."""


class StoreDataError(JobyardError):
    """A key in the store has a type that does not belong there; nothing was written."""


class JobCanceledError(JobyardError):
    """Raised inside a task by ``check_cancelled`` after its job was asked to cancel."""


class JobTimeoutError(JobyardError):
    """A task ran longer than its timeout."""


class ResultNotStorableError(JobyardError):
    """A task returned something that JSON cannot carry."""
