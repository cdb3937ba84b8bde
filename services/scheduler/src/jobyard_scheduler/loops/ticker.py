"""Ticker: submits the job of each tick of each schedule, once however many tickers run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from jobyard.errors import StoreDataError
from jobyard.observability.logging import get_logger
from jobyard.observability.metrics import SCHEDULER_LATENESS
from jobyard.store import calls
from jobyard.store.records.submission import Submission, SubmitStatus
from jobyard_scheduler.schedule import Missed, Schedule, submission_of
from jobyard_scheduler.spans import Spans

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jobyard.store.records.catalogue import TaskRecord
    from jobyard_scheduler.attended import AttendedStore
    from jobyard_scheduler.meters import Meters

log = get_logger(__name__)

LONGEST_PAUSE_SECONDS = 1.0
"""A clock that was set forward is noticed within that."""
LATE = timedelta(seconds=60)
"""A tick that the store was away for is fired afterwards when no later than that: as long as a
failover takes, and short enough that a machine which slept does not wake up to last night's."""


class Ticker:
    """Any number may run: a tick is fired unless it, or a later one, was fired before."""

    name = "ticker"

    def __init__(
        self,
        store: AttendedStore,
        schedules: Sequence[Schedule],
        now: Callable[[], datetime],
        meters: Meters,
        spans: Spans | None = None,
    ) -> None:
        self._store = store
        self._submissions = meters.submissions
        self._lateness = meters.histogram(SCHEDULER_LATENESS)
        self._spans = spans or Spans()
        self._now = now
        started = now()
        self._plans = [_Plan(schedule, started) for schedule in schedules]

    def tick(self) -> float:
        """Fires what is due; the pause ends with the next tick, or sooner."""
        now = self._now()
        due = [plan for plan in self._plans if plan.due_at <= now]
        if due:
            self._handle(due, now)
        waits = [(plan.due_at - self._now()).total_seconds() for plan in self._plans]
        return max(0.0, min([LONGEST_PAUSE_SECONDS, *waits]))

    def _handle(self, due: list[_Plan], now: datetime) -> None:
        tasks = {task.name: task for task in self._store.run(calls.published_tasks())}
        for plan in due:
            self._fire_latest(plan, tasks, now)

    def _fire_latest(self, plan: _Plan, tasks: Mapping[str, TaskRecord], now: datetime) -> None:
        """Of several ticks that are due only the latest is fired."""
        schedule, tick = plan.schedule, plan.schedule.timing.latest_until(now)
        if schedule.missed is Missed.SKIP and now - tick > LATE:
            log.warning("ticker.missed", schedule=schedule.name, tick=tick.isoformat())
        elif (task := tasks.get(schedule.task)) is None:
            log.warning("ticker.unknown_task", schedule=schedule.name, task=schedule.task)
        else:
            self._fire(schedule, tick, task)
        plan.due_at = schedule.timing.next_after(tick)

    def _fire(self, schedule: Schedule, tick: datetime, task: TaskRecord) -> None:
        try:
            submission = submission_of(schedule, tick, task)
            firing = self._spans.firing(schedule.name, tick, submission)
            submitted = self._store.run(calls.fire(schedule.name, tick, firing.submission))
        except StoreDataError as error:
            log.error("ticker.refused", schedule=schedule.name, reason=str(error))  # noqa: TRY400
            return
        if submitted.status is SubmitStatus.CREATED:
            firing.took_place()
            self._report(schedule, submission, self._now() - tick)

    def _report(self, schedule: Schedule, submission: Submission, late: timedelta) -> None:
        self._submissions.note(submission.queue, submission.task)
        self._lateness.observe(late.total_seconds(), (self.name,))
        log.info(
            "ticker.fired",
            schedule=schedule.name,
            job_id=submission.id,
            task=submission.task,
            late_ms=round(late.total_seconds() * 1000),
        )


class _Plan:
    """A schedule and its first tick that is not handled yet."""

    def __init__(self, schedule: Schedule, started: datetime) -> None:
        self.schedule = schedule
        self.due_at = (
            schedule.timing.latest_until(started)
            if schedule.missed is Missed.LATEST
            else schedule.timing.next_after(started)
        )
