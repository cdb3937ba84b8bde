"""Talks to all child processes of a worker, in one thread: hands over, listens, watches the clock.

A child that does not end its job in time is told first and killed later. One that dies takes only
the job with it that it had started.
"""

from __future__ import annotations

import math
import selectors
import subprocess
import threading
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from jobyard.errors import JobCanceledError, JobTimeoutError
from jobyard.observability.logging import get_logger
from jobyard.store.records.delivery import ErrorInfo
from jobyard_worker.executors.child_process import LOOK_SECONDS, ChildProcess
from jobyard_worker.executors.nudge import Nudge
from jobyard_worker.executors.order import end_of
from jobyard_worker.outcome import Ending, Verdict, ending_of
from jobyard_worker.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobyard.store.records.delivery import Succeeded
    from jobyard_worker.delivery import Delivery
    from jobyard_worker.executors.child_process import Ended

_log = get_logger(__name__)

_MUTE_LOOK_SECONDS = 0.005
_MUTE_SECONDS = 1.0
"""A child that closed its pipe and lives on for longer is of no use."""
_START_SECONDS = 60.0
"""For the imports of a child; a machine that is busy with other starts needs many of them."""
_NO_PROCESS_SECONDS = 1.0
"""After a fork that failed (a limit of processes, no memory) the next is tried so much later."""
_STUCK_SECONDS = 0.02
"""A job that runs for longer gives up what its child has in hand behind it."""


class Nursery:
    """Every method but ``isolate``, ``stop`` and ``nudge`` is called with ``lock`` held."""

    def __init__(
        self,
        *,
        kill_seconds: float,
        report: Callable[[Delivery], None],
        begin: Callable[[Delivery], object] = id,
        relay: Callable[[Sequence[Any]], object] = id,
    ) -> None:
        """What a child does is told to others.

        Args:
            kill_seconds: From asking a child to end to killing it.
            report: Told of new progress.
            begin: Told of each delivery that is handed over, before it is.
            relay: Takes the spans that tasks have made.
        """
        self.lock = threading.Lock()
        self.children: list[ChildProcess] = []
        self._kill_seconds = kill_seconds
        self._report = report
        self._begin = begin
        self._relay = relay
        self._newcomers: deque[tuple[Delivery, Ended]] = deque()
        self._raise_at = 0.0
        self._feed: Callable[[], float] = lambda: math.inf
        self._put_back: Callable[[list[Delivery]], object] = bool
        self._start_failed: Callable[[], object] = bool
        self._is_started = False
        self._patience: float | None = None

    def start(
        self,
        feed: Callable[[], float] = lambda: math.inf,
        put_back: Callable[[list[Delivery]], object] = bool,
        start_failed: Callable[[], object] = bool,
    ) -> None:
        """Starts the thread.

        Args:
            feed: Called at the end of each turn, to hand over what waits; returns when it wants to
                be called again at the latest.
            put_back: Takes deliveries that a child had in hand and did not start.
            start_failed: Told that a child died before it was ready.
        """
        self._feed, self._put_back, self._start_failed = feed, put_back, start_failed
        self._selector = selectors.DefaultSelector()
        self._nudge = Nudge()
        self._selector.register(self._nudge.outlet, selectors.EVENT_READ, self._nudge.quiet)
        self._is_started = True
        threading.Thread(target=self._serve, name="nursery", daemon=True).start()

    def isolate(self, delivery: Delivery, ended: Ended) -> None:
        """Runs a delivery in a fresh child of its own; ``ended`` is told, in this thread."""
        with self.lock:
            if not self._is_started:
                self.start()
            self._newcomers.append((delivery, ended))
        self.nudge()

    def nudge(self) -> None:
        """Begins a turn."""
        self._nudge.give()

    def stop(self, child: ChildProcess, delivery: Delivery, why: Stop) -> None:
        """Tells the child, and kills it if that does not help; at once to leave."""
        with self.lock:
            if delivery not in (child.single, *child.in_hand):
                return
            if why is Stop.LEAVE or not child.is_ready:
                child.kill(why)
            else:
                self._ask(child, delivery, why, time.monotonic())
        self.nudge()

    # ---------------------------------------------------------------- what executors ask for

    def raise_child(self, ended: Ended, single: Delivery | None = None) -> bool:
        """Starts a child; False when no process is to be had: a single one is tried again."""
        try:
            child = ChildProcess(ended, time.monotonic(), single)
        except (OSError, subprocess.SubprocessError) as error:
            _log.warning("child.not_started", reason=str(error))
            if single is not None:
                self._newcomers.appendleft((single, ended))
                self._raise_at = time.monotonic() + _NO_PROCESS_SECONDS
            return False
        self.children.append(child)
        self._selector.register(child.outlet, selectors.EVENT_READ, partial(self._hear, child))
        if single is not None:
            single.is_started, single.stop = True, partial(self.stop, child, single)
        self._see_to_room(child)
        return True

    def hand(self, child: ChildProcess, deliveries: list[Delivery]) -> None:
        """Hands deliveries to a child that is ready."""
        for delivery in deliveries:
            self._begin(delivery)
            delivery.stop = partial(self.stop, child, delivery)
        child.hand(deliveries, time.monotonic())
        for delivery in deliveries:
            if delivery.is_canceled:  # since it was taken, and before ``stop`` was there
                child.ask(delivery, Stop.CANCEL)
        self._mind_cancel(child)
        self._see_to_room(child)

    def retire(self, child: ChildProcess) -> None:
        """Ends a child that has nothing in hand, or only what it did not start."""
        self._give_back(child)
        if not child.in_hand:
            child.kill("retired")

    def take_back(self) -> list[Delivery]:
        """What children have in hand and did not start."""
        return [delivery for child in self.children for delivery in child.recall()]

    # ---------------------------------------------------------------- one turn

    def _serve(self) -> None:
        while True:
            ready = self._selector.select(self._patience)
            try:
                with self.lock:
                    self._turn([key.data for key, _ in ready])
            except Exception:  # noqa: BLE001 - the thread outlives whatever one turn meets
                _log.exception("nursery.failed")
                time.sleep(LOOK_SECONDS)

    def _turn(self, events: list[Callable[[], object]]) -> None:
        for event in events:
            event()
        now = time.monotonic()
        self._raise_newcomers(now)
        for child in tuple(self.children):
            self._look_after(child, now)
        next_raise = self._raise_at if self._newcomers else math.inf
        soonest = min([self._feed(), next_raise, *map(_next_event, self.children)])
        self._patience = None if soonest == math.inf else max(0.0, soonest - time.monotonic())

    def _raise_newcomers(self, now: float) -> None:
        """Unless the machine had no process for one just now, which is not the job's fault."""
        while self._newcomers and now >= self._raise_at:
            delivery, ended = self._newcomers.popleft()
            if delivery.is_canceled or delivery.is_orphaned:
                ended(delivery, ending_of(JobCanceledError("canceled before it started"), now, now))
            else:
                self.raise_child(ended, delivery)

    def _hear(self, child: ChildProcess) -> None:
        for message in child.listen():
            if "spans" in message:
                self._relay(message["spans"])
            if "progress" in message:
                self._note_progress(child, message)
            elif "ready" in message:
                self._welcome(child)
            elif child.in_hand and message.get("token") == child.in_hand[0].job.token:
                delivery = child.answered(time.monotonic())
                self._mind_cancel(child)
                child.ended(delivery, _end_of(delivery, message))
        if child.is_mute:
            self._selector.unregister(child.outlet)
            child.next_look = child.mute_since = time.monotonic()
        elif child.single is not None and child.jobs:
            child.kill("retired")

    def _note_progress(self, child: ChildProcess, message: dict[str, Any]) -> None:
        if child.in_hand and message["token"] == child.in_hand[0].job.token:
            child.in_hand[0].progress = message["progress"].encode()
            self._report(child.in_hand[0])

    def _welcome(self, child: ChildProcess) -> None:
        child.is_ready = True
        if child.single is not None:
            self.hand(child, [child.single])

    def _look_after(self, child: ChildProcess, now: float) -> None:
        if now < _next_event(child):
            return
        if now >= child.next_look:
            child.next_look = now + (_MUTE_LOOK_SECONDS if child.is_mute else LOOK_SECONDS)
            if child.is_over():
                self._bury(child, now)
                return
            child.tell_level()
        if child.is_mute and now - child.mute_since > _MUTE_SECONDS:
            child.kill("closed")
        elif not child.is_ready and now - child.born > _START_SECONDS:
            child.kill("late")
        elif now >= child.kill_at:
            child.kill(child.asked or Stop.TIMEOUT)
        elif now >= child.deadline and child.asked is None:
            self._ask(child, child.in_hand[0], Stop.TIMEOUT, now)
        if len(child.in_hand) > 1 and now - child.since > _STUCK_SECONDS:
            child.most_in_hand = 1
            self._give_back(child)

    def _ask(self, child: ChildProcess, delivery: Delivery, why: Stop, now: float) -> None:
        """What has not started yet is told at its start, and has no clock before."""
        child.ask(delivery, why)
        if delivery is child.in_hand[0] and child.asked is None:
            child.asked, child.kill_at = why, now + self._kill_seconds
        self._see_to_room(child)

    def _mind_cancel(self, child: ChildProcess) -> None:
        """The first in hand may have been told to end when it was not the first, as seen here."""
        if child.in_hand and child.in_hand[0].is_canceled and child.asked is None:
            child.asked, child.kill_at = Stop.CANCEL, time.monotonic() + self._kill_seconds

    def _give_back(self, child: ChildProcess) -> None:
        unstarted = child.recall()
        if unstarted:
            self._put_back(unstarted)

    def _see_to_room(self, child: ChildProcess) -> None:
        """A pipe that is full is written to as soon as it is not."""
        is_waiting = child.inlet in self._selector.get_map()
        if child.has_unsent and not is_waiting:
            self._selector.register(child.inlet, selectors.EVENT_WRITE, partial(self._pour, child))
        elif is_waiting and not child.has_unsent:
            self._selector.unregister(child.inlet)

    def _pour(self, child: ChildProcess) -> None:
        child.flush()
        self._see_to_room(child)

    # ---------------------------------------------------------------- the end of a child

    def _bury(self, child: ChildProcess, now: float) -> None:
        while not child.is_mute and child.outlet in self._selector.get_map():
            before = len(child.in_hand)
            self._hear(child)
            if len(child.in_hand) == before:
                break
        self.children.remove(child)
        unstarted = [] if child.single else child.recall()
        self._forget(child)
        how = child.bury()
        if not child.is_ready and child.single is None:
            _log.warning("child.not_started", reason=f"it {how}")
            self._start_failed()
        charged = _charged(child)
        child.single = None
        child.in_hand.clear()  # who still wants to stop one of them must not find this child
        for delivery in charged:
            delivery.stop = None
            child.ended(delivery, _silent_end(child, delivery, how, now))
        if unstarted:
            self._put_back(unstarted)

    def _forget(self, child: ChildProcess) -> None:
        for descriptor in (child.inlet, child.outlet):
            if descriptor in self._selector.get_map():
                self._selector.unregister(descriptor)


def _end_of(delivery: Delivery, answer: dict[str, Any]) -> Succeeded | Ending:
    try:
        return end_of(delivery, answer)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        now = time.monotonic()
        message = f"The child process that ran the task gave an answer that is none: {error!r}"
        return Ending(Verdict.CRASHED, ErrorInfo("Crashed", message), now, now)


def _next_event(child: ChildProcess) -> float:
    """When a child is to be looked after; never, as long as it says nothing and has nothing."""
    if not child.in_hand and child.is_ready and not child.is_mute and not child.killed_for:
        return math.inf
    soonest = min(child.next_look, child.kill_at)
    if child.asked is None:
        soonest = min(soonest, child.deadline)
    if len(child.in_hand) > 1:
        soonest = min(soonest, child.since + _STUCK_SECONDS)
    return soonest


def _charged(child: ChildProcess) -> list[Delivery]:
    """The job that died with it: the one it had started, or was started for."""
    if child.single is not None:
        return [] if child.jobs else [child.single]
    return list(child.in_hand)


def _silent_end(child: ChildProcess, delivery: Delivery, how: str, now: float) -> Ending:
    """What the end of a child without a last word means for its job."""
    if child.killed_for is Stop.TIMEOUT:
        limit = delivery.job.timeout_seconds or 0
        error = JobTimeoutError(
            f"The task ran past its timeout of {limit:g} s, did not end when it was told to, "
            "and was killed."
        )
        return ending_of(error, child.since, now)
    if isinstance(child.killed_for, Stop):
        killed = ErrorInfo("Killed", "The child that ran the task was killed.")
        return Ending(Verdict.CANCELED, killed, child.since, now)
    message = f"The child process that ran the task {_OURS.get(child.killed_for, how)}."
    return Ending(Verdict.CRASHED, ErrorInfo("Crashed", message), child.since, now)


_OURS = {
    "closed": "closed its pipe and was killed",
    "late": f"was not ready after {_START_SECONDS:g} s and was killed",
}
