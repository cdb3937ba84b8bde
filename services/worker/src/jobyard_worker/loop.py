"""The main loop: claim, dispatch, collect, settle, in batches that grow with the load.

Nothing here blocks on a job. A turn waits for the store's answers only, and between turns the loop
sleeps until something wakes it: a job that ended or arrived, mail, a signal.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobyard.errors import StoreUnavailableError
from jobyard.observability.logging import get_logger
from jobyard.store import calls
from jobyard_worker.busy_clock import BusyClock
from jobyard_worker.drain import Drain
from jobyard_worker.hands import Hands
from jobyard_worker.pace import Pace
from jobyard_worker.shift import Shift

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobyard.store.records.delivery import Claim, Claimed
    from jobyard_worker.claimer import Claimer
    from jobyard_worker.executors import Executor
    from jobyard_worker.keeping import Keeping
    from jobyard_worker.link import Link
    from jobyard_worker.progress import Progress
    from jobyard_worker.releaser import Releaser
    from jobyard_worker.settings import WorkerSettings
    from jobyard_worker.settler import Settler
    from jobyard_worker.stocktaker import Stocktaker
    from jobyard_worker.wake import Wake

_log = get_logger(__name__)

_FOR_EVER = Shift()

_ROUND_SECONDS = 0.25
"""The loop goes round at least this often: beat, keeper, what was claimed ahead."""

_START_SECONDS = 0.1
"""What was claimed ahead and has not started within this time is given back."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the loop is made of."""

    wake: Wake
    link: Link
    claimer: Claimer
    executor: Executor
    settler: Settler
    releaser: Releaser
    progress: Progress
    keeping: Keeping
    stocktaker: Stocktaker


class Loop:
    """Runs until a stop was asked for and everything in hand is settled or given back."""

    def __init__(
        self,
        parts: Parts,
        settings: WorkerSettings,
        join: Callable[[], str],
        shift: Shift = _FOR_EVER,
    ) -> None:
        """``join`` begins a lease and returns the worker's name under it."""
        self._shift = shift
        self._idle_since: float | None = None
        self._has_ended_some = False
        self._parts = parts
        self._settings = settings
        self._join = join
        self._worker = ""
        self._hands = Hands(settings.max_job_seconds)
        self._pace = Pace()
        self._drain: Drain | None = None
        self._is_stop_asked = False
        self.turned_at = time.monotonic()
        """When the last turn began."""
        self.busy_clock = BusyClock()
        """Of all slots together."""
        self.finished = 0
        """Jobs that ended here."""

    def ask_to_stop(self) -> None:
        """Sets a flag; safe in a signal handler, and any number of times."""
        self._is_stop_asked = True
        self._parts.wake.set()

    @property
    def has_running_jobs(self) -> bool:
        """Whether slots still run what was given back: the process must not live on."""
        return self._parts.executor.unfinished > 0

    @property
    def is_registered(self) -> bool:
        """Whether the store knows of this worker, as far as it knows."""
        return bool(self._worker)

    @property
    def is_draining(self) -> bool:
        """Whether it takes no more jobs."""
        return self._is_stop_asked

    def overdue_slots(self, seconds: float) -> int:
        """Jobs that go on ``seconds`` after their timeout: nothing ends a thread."""
        return self._hands.overdue(time.monotonic() - seconds)

    def oldest_since(self) -> float | None:
        """Since when the oldest job is here (``time.monotonic``); None where there is none."""
        return self._hands.oldest_since()

    @property
    def busy_slots(self) -> int:
        """Slots that run a job: never what was claimed ahead."""
        return min(self._parts.executor.unfinished, self._settings.concurrency)

    def run(self) -> None:
        """Joins, works, and leaves nothing in hand."""
        while not self._is_over():
            try:
                self._turn()
            except StoreUnavailableError:
                pass  # the link keeps the pauses; what was not sent waits in the parts
            except Exception as error:  # noqa: BLE001 - the loop outlives whatever one turn meets
                _log.exception("loop.failed")
                self._parts.link.note_away(error)
            self._parts.wake.wait(self._patience())
        self._leave()

    # ---------------------------------------------------------------- one turn

    def _turn(self) -> None:
        self.turned_at = time.monotonic()
        self._parts.keeping.beat(self.busy_slots)
        self._collect()
        self._read_mail()
        self._stop_when_asked()
        self._take(self._parts.claimer.heard())
        if self._parts.link.wait_seconds <= 0:
            self._talk()

    def _talk(self) -> None:
        """Everything of a turn that needs the store."""
        if not self._worker and self._drain is None:
            self._begin_lease()
        if not self._worker:
            return
        self._tend_keeper()
        self._settle()
        self._parts.releaser.flush(self._worker)
        if self._drain is not None:
            self._give_back_unanswered()
        else:
            self._give_back_late_starters()
            self._take_stock()
            self._claim()

    def _patience(self) -> float:
        """How long nothing needs to be done unless something wakes the loop."""
        away_seconds = self._parts.link.wait_seconds
        if away_seconds > 0:
            return min(away_seconds, _ROUND_SECONDS)
        if self._has_news_for_store():
            return 0.0
        return max(0.0, min(_ROUND_SECONDS, self._seconds_to_late_start()))

    def _has_news_for_store(self) -> bool:
        parts = self._parts
        return bool(
            not self._worker
            or parts.settler.has_news
            or len(parts.releaser)
            or self._wants_to_claim()
        )

    # ---------------------------------------------------------------- claim and dispatch

    def _claim(self) -> None:
        claimer = self._parts.claimer
        if self._wants_to_claim():
            self._take(claimer.claim(self._worker, self._room()))
        if self._worker and self._has_free_slot() and not claimer.may_find_more:
            self._rest()

    def _take(self, claim: Claim | None) -> None:
        if claim is None:
            return
        if claim.gone:
            self._lose_lease()
        else:
            self._dispatch(claim.jobs)

    def _dispatch(self, jobs: Sequence[Claimed]) -> None:
        if jobs:
            if not self._parts.executor.unfinished:
                self._pace.begin(time.monotonic())
            self._idle_since = None
            self._parts.executor.submit(self._hands.take(jobs))
            self.busy_clock.note(self.busy_slots)

    def _rest(self) -> None:
        """The queues are empty and a slot is free: the next job says so by itself."""
        self._leave_when_idle()
        if self._room() and not self._is_stop_asked and not self._parts.claimer.may_find_more:
            self._parts.claimer.listen(self._worker)

    def _leave_when_idle(self) -> None:
        """What ends may make others ready: once it is stored, the queues are looked at again."""
        if not self._shift.minds_idleness:
            return
        if self._parts.executor.unfinished or len(self._parts.settler):
            self._idle_since, self._has_ended_some = None, True
            return
        if self._has_ended_some:
            self._parts.claimer.may_find_more, self._has_ended_some = True, False
            return
        now = time.monotonic()
        self._idle_since = self._idle_since or now
        if self._shift.is_idle_too_long(now - self._idle_since):
            self.ask_to_stop()

    def _wants_to_claim(self) -> bool:
        """Free slots are filled at once; ahead is claimed in batches worth a round trip."""
        claimer = self._parts.claimer
        if self._drain is not None or not self._worker:
            return False
        if claimer.is_unanswered:
            return True
        if not claimer.may_find_more or not self._room():
            return False
        return self._has_free_slot() or self._room() * 2 > self._look_ahead() > 0

    def _room(self) -> int:
        """Free slots, and what history says will start at once."""
        wanted = self._settings.concurrency + self._look_ahead()
        room = max(wanted - self._parts.executor.unfinished, 0)
        allowed = self._shift.room(self.finished, self._parts.executor.unfinished)
        return room if allowed is None else min(room, allowed)

    def _look_ahead(self) -> int:
        return self._pace.look_ahead(time.monotonic())

    def _has_free_slot(self) -> bool:
        return self._parts.executor.unfinished < self._settings.concurrency

    def _give_back_late_starters(self) -> None:
        """What was claimed ahead waits behind jobs that turned out long; others may be idle."""
        if self._seconds_to_late_start() <= 0:
            self._pace.slow_down()
            self._withdraw()

    def _seconds_to_late_start(self) -> float:
        """Until the first that waits for a slot has waited too long."""
        since = self._parts.executor.waiting_since
        return math.inf if since is None else since + _START_SECONDS - time.monotonic()

    def _withdraw(self) -> None:
        """Gives back what no slot has started."""
        unstarted = self._parts.executor.withdraw()
        self.busy_clock.note(self.busy_slots)
        self._hands.drop(unstarted)
        self._parts.releaser.add(unstarted)
        if self._worker:
            self._parts.releaser.flush(self._worker)

    # ---------------------------------------------------------------- collect and settle

    def _collect(self) -> None:
        ended = self._parts.executor.collect()
        if not ended:
            return
        self.busy_clock.note(self.busy_slots)
        runs = [settlement.ended - settlement.started for _, settlement in ended]
        self._pace.note(runs, time.monotonic())
        self._hands.drop(delivery for delivery, _ in ended)
        mine = [(delivery, how) for delivery, how in ended if not delivery.is_orphaned]
        self.finished += len(mine)
        if self._shift.is_done(self.finished):
            self.ask_to_stop()
        self._parts.settler.add(mine)

    def _settle(self) -> None:
        """Progress goes first: after its settlement a job takes no more of it."""
        if self._parts.settler.has_news:
            self._parts.progress.flush()
            self._parts.settler.flush(self._worker)
        else:
            self._parts.progress.flush_when_due()

    def _take_stock(self) -> None:
        """After a flush: the releaser has nothing, so this is all that may be in hand."""
        parts = self._parts
        if parts.stocktaker.is_due:
            known = self._hands.tokens() | parts.settler.tokens()
            parts.stocktaker.compare(self._worker, known, parts.claimer.nonce)

    # ---------------------------------------------------------------- lease and keeper

    def _begin_lease(self) -> None:
        self._worker = self._parts.link.attempt(self._join)
        self._parts.keeping.keep(self._worker)

    def _lose_lease(self) -> None:
        """Reaped, after an outage or a long stop of the machine: begin anew under another name."""
        _log.warning("lease.lost", worker=self._worker, in_hand=len(self._hands))
        self._parts.executor.withdraw()
        self.busy_clock.note(self.busy_slots)
        for delivery in self._hands.orphan():
            delivery.cancel()  # it runs elsewhere now: a child is killed, a task that looks is told
        self._parts.settler.forget()
        self._parts.releaser.forget()
        self._parts.claimer.forget()
        self._worker = ""

    def _tend_keeper(self) -> None:
        """A keeper needs a moment to start; until it has renewed the loop does so by itself."""
        self._parts.keeping.tend()
        if self._parts.keeping.leaves_renewing():
            lease_seconds, busy = self._settings.lease_seconds, self.busy_slots
            self._parts.link.run(calls.renew(self._worker, lease_seconds=lease_seconds, busy=busy))

    def _read_mail(self) -> None:
        for letter in self._parts.keeping.mail():
            if "gone" in letter:
                self._lose_lease()
                return
            self._hands.cancel(letter.get("cancel", ()))
            self._is_stop_asked = self._is_stop_asked or "drain" in letter

    # ---------------------------------------------------------------- stop

    def _stop_when_asked(self) -> None:
        if not self._is_stop_asked:
            return
        if self._drain is None:
            self._drain = Drain(time.monotonic(), self._settings.grace_seconds)
            _log.info("worker.draining", worker=self._worker, in_hand=len(self._hands))
            self._parts.claimer.recall()
            self._withdraw()
        if not self._drain.may_run(time.monotonic()):
            self._let_go()

    def _let_go(self) -> None:
        """The grace is nearly over: what still runs is given back, children are killed."""
        running = self._hands.orphan()
        for delivery in running:
            delivery.kill()
        self._parts.releaser.add(running)

    def _give_back_unanswered(self) -> None:
        """A claim whose reply was lost may have brought jobs: they are asked for and given back."""
        if self._parts.claimer.is_unanswered:
            unstarted = self._hands.take(self._parts.claimer.close(self._worker).jobs)
            self._hands.drop(unstarted)
            self._parts.releaser.add(unstarted)
            self._parts.releaser.flush(self._worker)

    def _is_over(self) -> bool:
        if self._drain is None:
            return False
        now, parts = time.monotonic(), self._parts
        if not self._worker or not self._drain.may_stay(now):
            return True
        if len(self._hands) or len(parts.settler) or len(parts.releaser):
            return False
        return not (parts.claimer.is_unanswered and self._drain.may_ask(now))

    def _leave(self) -> None:
        """Says goodbye. Where the store does not hear it, the keeper says it after our end."""
        if not self._worker:
            self._parts.keeping.dismiss()
            return
        try:
            while self._parts.link.run(calls.leave(self._worker)).more:
                pass
        except StoreUnavailableError:
            return
        self._parts.keeping.dismiss()
