"""What may be submitted, beside what a task takes: bounds from the settings and from quotas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobyard.retry import RetryPolicy
from jobyard.store.records.submission import SubmitStatus
from jobyard_api.problem_types import Code
from jobyard_api.problems import FieldError, RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.store.records.submission import Submitted
    from jobyard_api.settings import ApiSettings

RETRY_AFTER_SECONDS = 5
"""Until it is worth submitting again to a queue that is full; it may be full again by then."""


def _no_limit(_: str) -> int | None:
    return None


@dataclass(slots=True)
class Admission:
    """The bounds of one process.

    Attributes:
        deepest: How many jobs may wait in a queue; None for any number.
        max_retries: The most retries that a request may ask for.
        max_retry_delay_seconds: The longest delay between them.
        waiting_limit_of: How many jobs of a tenant may wait; None for any number.
    """

    deepest: int | None
    max_retries: int
    max_retry_delay_seconds: float
    waiting_limit_of: Callable[[str], int | None] = _no_limit

    @classmethod
    def of(cls, settings: ApiSettings) -> Admission:
        """What the settings allow."""
        return cls(
            settings.max_queue_depth or None, settings.max_retries, settings.max_retry_delay_seconds
        )

    def check_retry(self, text: bytes | None) -> None:
        """Checks the policy that a request brings, as JSON; what a task declares is not bounded.

        Raises:
            RefusalError: It asks for more than may be.
        """
        if not text:
            return
        policy = RetryPolicy.from_json(text)
        errors = [*self._too_many(policy), *self._too_late(policy)]
        if errors:
            raise RefusalError(Code.INVALID_REQUEST, errors[0].detail, errors=errors)

    def _too_many(self, policy: RetryPolicy) -> list[FieldError]:
        if policy.max_retries <= self.max_retries:
            return []
        detail = f"At most {self.max_retries} retries may be asked for (JOBYARD_MAX_RETRIES)."
        return [FieldError(pointer="/retry/max_retries", detail=detail)]

    def _too_late(self, policy: RetryPolicy) -> list[FieldError]:
        most = self.max_retry_delay_seconds
        detail = f"At most {most:g} s may lie between retries (JOBYARD_MAX_RETRY_DELAY_SECONDS)."
        late = [
            f"/retry/delays_seconds/{index}"
            for index, seconds in enumerate(policy.delays_seconds)
            if seconds > most
        ]
        if policy.max_retries and not policy.delays_seconds and _longest(policy) > most:
            late.append("/retry/cap_seconds")
        return [FieldError(pointer=pointer, detail=detail) for pointer in late]


def _longest(policy: RetryPolicy) -> float:
    """The longest delay of a policy whose delays grow."""
    last = policy.delay_seconds(policy.max_retries, lambda: 0.5)
    return last or 0.0


def refusal_of_outcome(outcome: Submitted) -> RefusalError | None:
    """Why the store refused a job; None where it did not."""
    refuse = _REFUSALS.get(outcome.status)
    return refuse(outcome) if refuse else None


def withheld() -> RefusalError:
    """Of a job that is not stored because another one of its batch was refused."""
    detail = "Another job of this batch was refused, and all or none were asked for."
    return RefusalError(Code.WITHHELD, detail)


def _idempotency_conflict(_: Submitted) -> RefusalError:
    detail = "This idempotency key was used for another request: use a new one."
    errors = [FieldError(header="Idempotency-Key", detail=detail)]
    return RefusalError(Code.IDEMPOTENCY_CONFLICT, detail, errors=errors)


def _taken(outcome: Submitted) -> RefusalError:
    detail = "Another job has this unique key and has not ended."
    errors = [FieldError(pointer="/unique/key", detail=detail)]
    members = {"job_id": outcome.id} if outcome.id else {}
    return RefusalError(Code.UNIQUE_CONFLICT, detail, errors=errors, members=members)


def _full(_: Submitted) -> RefusalError:
    return _later(Code.QUEUE_FULL, "As many jobs wait in this queue as may.")


def _too_many_waiting(_: Submitted) -> RefusalError:
    return _later(Code.TOO_MANY_WAITING, "As many jobs of this tenant wait as may.")


def _later(code: Code, detail: str) -> RefusalError:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return RefusalError(code, f"{detail} Send it again later.", headers=headers)


_REFUSALS: dict[SubmitStatus, Callable[[Submitted], RefusalError]] = {
    SubmitStatus.CONFLICT: _idempotency_conflict,
    SubmitStatus.TAKEN: _taken,
    SubmitStatus.FULL: _full,
    SubmitStatus.QUOTA: _too_many_waiting,
    SubmitStatus.WITHHELD: lambda _: withheld(),
}
