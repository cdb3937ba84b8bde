"""The core of the API: what its routes do, over the store and the catalogue. Knows no HTTP path."""

from __future__ import annotations

import asyncio
import re
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from jobyard.errors import StoreDataError, StoreUnavailableError
from jobyard.lanes import base_of
from jobyard.orders import Order, check_size, submission_of
from jobyard.queues import JOB_ID_PATTERN
from jobyard.states import TERMINAL, State
from jobyard.store import calls
from jobyard.store.apart import is_large
from jobyard.store.records.job import CancelOutcome
from jobyard.store.records.submission import SubmitStatus
from jobyard_api.admission import Admission, refusal_of_outcome
from jobyard_api.answers import text_of
from jobyard_api.following import Following
from jobyard_api.listing import Filter, Listing, list_jobs
from jobyard_api.moves import Moves
from jobyard_api.new_jobs import text_of_submission
from jobyard_api.oversight import Oversight
from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError
from jobyard_api.submitter import Submitter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from jobyard.observability.submissions import Submissions
    from jobyard.store import AsyncStore
    from jobyard.store.calls import Call
    from jobyard.store.records.catalogue import PublishedTask
    from jobyard.store.records.job import Cursor, JobRecord, UnreadablePage
    from jobyard.store.records.submission import Submission, Submitted
    from jobyard_api.catalogue import Catalogue
    from jobyard_api.events.streams import Streams

_JOB_ID = re.compile(JOB_ID_PATTERN.rstrip("$") + r"\Z")


@dataclass(frozen=True, slots=True)
class Placed:
    """A stored job, as JSON too.

    ``replayed``: an earlier request with the same idempotency key stored it. ``existing``: it holds
    the unique key of the job that was asked for, and stands for it.
    """

    id: str
    text: bytes
    replayed: bool = False
    existing: bool = False


class Yard:
    """Everything that a route can ask for.

    ``owner`` is the tenant that asks: its jobs are the only ones that there are. None asks for all.
    """

    def __init__(
        self,
        store: AsyncStore,
        catalogue: Catalogue,
        admission: Admission,
        streams: Streams,
        submissions: Submissions,
        *,
        max_payload_bytes: int,
        large_bytes: int,
    ) -> None:
        """Payloads above ``large_bytes`` are kept apart, above ``max_payload_bytes`` refused.

        ``submissions`` counts what was stored.
        """
        self._submissions = submissions
        self.catalogue = catalogue
        self.admission = admission
        self.oversight = Oversight(store)
        self.following = Following(self.job, streams)
        self.moves = Moves(store, self.job)
        self._store = store
        self._max_payload_bytes = max_payload_bytes
        self._large_bytes = large_bytes
        self._submitter = Submitter(self._submit)

    async def place(self, order: Order, owner: str | None) -> Placed:
        """Checks and stores one job.

        Raises:
            UnknownTaskError, UnknownQueueError, InvalidPayloadError, PayloadTooLargeError:
                The order does not fit; nothing was stored.
            RefusalError: It is not admitted (``Admission``).
            StoreUnavailableError: The store cannot serve now.
        """
        submission = await self.prepare(order, owner)
        [submitted] = await self.commit([submission])
        return await self.placed(submission, submitted)

    async def place_together(self, orders: Sequence[Order], owner: str | None) -> list[Placed]:
        """As ``place`` for several: all are stored in one call, or none is."""
        submissions = [await self.prepare(order, owner) for order in orders]
        submitted = await self.commit(submissions)
        pairs = zip(submissions, submitted, strict=True)
        return [await self.placed(submission, outcome) for submission, outcome in pairs]

    async def prepare(self, order: Order, owner: str | None) -> Submission:
        """The submission for an order, its payload checked against the task's schema.

        Raises:
            UnknownTaskError, UnknownQueueError, InvalidPayloadError, PayloadTooLargeError:
                The order does not fit.
            RefusalError: It asks for more than may be.
        """
        task = await self.catalogue.get(order.task)
        task.check(order.payload)
        self.admission.check_retry(order.retry)
        if order.queue is not None:
            await self.catalogue.check_queue(base_of(order.queue))
        limit = self.admission.waiting_limit_of(owner) if owner else None
        submission = submission_of(order, task.record, owner or "", limit)
        return check_size(submission, self._max_payload_bytes)

    async def commit(self, submissions: Sequence[Submission]) -> list[Submitted]:
        """Stores submissions in one call."""
        return await self._submitter.submit(submissions) if submissions else []

    def batch(self, jobs: int) -> AbstractContextManager[object]:
        """What is stored in this ``with`` came as one batch of so many."""
        del jobs
        return nullcontext()

    async def commit_together(self, submissions: Sequence[Submission]) -> list[Submitted]:
        """Stores submissions in one call of their own: all of them, or none."""
        return await self._sent(submissions, together=True)

    async def placed(self, submission: Submission, submitted: Submitted) -> Placed:
        """The job of one outcome.

        Raises:
            RefusalError: It was refused, or the job that stands for it is gone.
        """
        if submitted.status is SubmitStatus.CREATED:
            return Placed(submission.id, text_of_submission(submission, submitted.state))
        refusal = refusal_of_outcome(submitted)
        if refusal is not None:
            raise refusal
        return Placed(
            submitted.id,
            text_of(await self.job(submitted.id, submission.tenant or None)),
            replayed=submitted.status is SubmitStatus.REPLAYED,
            existing=submitted.status is SubmitStatus.EXISTING,
        )

    async def find(self, job_id: str, owner: str | None) -> JobRecord | None:
        """One stored job, None when the owner has none of that id."""
        return await self._store.run(calls.read(job_id, owner)) if _JOB_ID.match(job_id) else None

    async def job(self, job_id: str, owner: str | None) -> JobRecord:
        """One stored job.

        Raises:
            RefusalError: The owner has none of that id.
        """
        record = await self.find(job_id, owner)
        if record is None:
            raise _not_found(job_id)
        return record

    async def cancel(self, job_id: str, owner: str | None) -> JobRecord:
        """Cancels a job that waits, asks a running one to stop; returns it as it is then.

        Raises:
            RefusalError: The owner has none of that id, or it has ended.
        """
        await self.job(job_id, owner)
        [(outcome, _)] = await self._store.run(calls.cancel([job_id], owner))
        record = await self.job(job_id, owner)
        if outcome is CancelOutcome.ENDED:
            raise _ended(record.state)
        return record

    async def outcome(
        self, placed: Placed, owner: str | None, seconds: float
    ) -> tuple[Placed, float | None]:
        """A stored job with its outcome, and ``seconds``, if it ends within these; else as it was.

        It is stored, so nothing that goes wrong from here on is the request's.
        """
        try:
            record = await self.following.ended(placed.id, owner, seconds)
        except (RefusalError, StoreUnavailableError, StoreDataError):
            return placed, None
        if record.state not in TERMINAL:
            return placed, None
        return replace(placed, text=text_of(record)), seconds

    async def list_jobs(self, wanted: Filter, before: Cursor | None, limit: int) -> Listing:
        """One page of jobs, newest first."""
        return await list_jobs(self._store, wanted, before, limit)

    async def unreadable(self, after: int) -> UnreadablePage:
        """Some of the records that were put aside, from the place ``after`` on."""
        return await self._store.run(calls.unreadable(after=after))

    async def journal(self, name: str, owner: str | None) -> list[str]:
        """The last 1 000 lines of the owner's journal of that name, oldest first."""
        return await self._store.run(calls.journal(name, owner))

    async def ping(self) -> None:
        """Asks the store for a sign of life.

        Raises:
            StoreUnavailableError: It gives none.
        """
        await self._store.ping()

    async def task(self, name: str) -> PublishedTask:
        """One published task.

        Raises:
            UnknownTaskError: No process has published it.
        """
        return (await self.catalogue.get(name)).published

    async def _submit(self, submissions: list[Submission]) -> list[Submitted]:
        return await self._sent(submissions, together=False)

    async def _sent(self, submissions: Sequence[Submission], *, together: bool) -> list[Submitted]:
        outcomes = await self._store.run(await self._call(submissions, together=together))
        for submission, outcome in zip(submissions, outcomes, strict=True):
            if outcome.status is SubmitStatus.CREATED:
                self._submissions.note(submission.queue, submission.task)
        return outcomes

    async def _call(
        self, submissions: Sequence[Submission], *, together: bool
    ) -> Call[list[Submitted]]:
        call = partial(
            calls.submit,
            submissions,
            together=together,
            deepest=self.admission.deepest,
            large_bytes=self._large_bytes,
        )
        if any(is_large(one.payload, self._large_bytes) for one in submissions):
            # 10 ms for 1 MB to compress it, without the interpreter's lock: others are served.
            return await asyncio.to_thread(call)
        return call()


def _not_found(job_id: str) -> RefusalError:
    return RefusalError(
        Code.JOB_NOT_FOUND,
        f"No job {job_id[:128]!r} is stored: it never was, or its time to live is over.",
    )


def _ended(state: State) -> RefusalError:
    detail = f"The job has ended already: it {_VERBS.get(state, state)}."
    return RefusalError(Code.JOB_ENDED, detail, members={"state": str(state)})


_VERBS = {State.CANCELED: "was canceled"}
