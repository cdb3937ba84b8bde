"""The main loop over a store that answers as told: what is given back, and what is not sent."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

from jobyard.errors import StoreUnavailableError
from jobyard.store.records.delivery import Claim, Settled, Succeeded
from jobyard.store.records.upkeep import Reaped
from jobyard_worker.claimer import Claimer
from jobyard_worker.executors.thread import ThreadExecutor
from jobyard_worker.job_metrics import JobMetrics
from jobyard_worker.link import Link
from jobyard_worker.loop import Loop, Parts
from jobyard_worker.outcome_log import OutcomeLog
from jobyard_worker.progress import Progress
from jobyard_worker.releaser import Releaser
from jobyard_worker.settings import WorkerSettings
from jobyard_worker.settler import Settler
from jobyard_worker.stocktaker import Stocktaker
from jobyard_worker.stop import Stop
from jobyard_worker.turns import Turns
from jobyard_worker.wake import Wake
from support.builders import build_claimed

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.store.calls import Call
    from jobyard_worker.delivery import Delivery
    from jobyard_worker.keeping import Keeping

_SECONDS = 10


class ToldStore:
    """Answers claims by the next of ``claims``; keeps what was sent."""

    def __init__(self, *claims: Claim | StoreUnavailableError) -> None:
        self.claims = list(claims)
        self.sent: list[tuple[str, list[Any]]] = []
        self.on: dict[str, Callable[[], object]] = {}

    def run(self, call: Any) -> Any:
        name, sent = call.script.name, list(call.sent)
        self.sent.append((name, sent))
        try:
            return self._answer(name, sent)
        finally:
            self.on.get(name, bool)()

    def sent_to(self, name: str) -> list[list[Any]]:
        return [sent for script, sent in self.sent if script == name]

    def _answer(self, name: str, sent: list[Any]) -> Any:
        if name == "claim":
            return self._claim()
        if name == "reap":
            return Reaped(0, 0, (), more=False)
        return [Settled.DONE] * sent[2 if name == "release" else 1]

    def _claim(self) -> Claim:
        reply = self.claims.pop(0) if self.claims else Claim(())
        if isinstance(reply, StoreUnavailableError):
            raise reply
        return reply


class StillKeeping:
    """A keeper that has nothing to say."""

    def beat(self, busy: int) -> None:
        """Nobody counts."""

    def keep(self, worker: str) -> None:
        """Nobody does."""

    def mail(self) -> list[dict[str, Any]]:
        return []

    def leaves_renewing(self) -> bool:
        return False

    def tend(self) -> bool:
        return False

    def dismiss(self) -> None:
        """Nobody is there."""


class EagerEars:
    """Hears of more at each turn."""

    def start(self) -> None:
        """It hears by itself."""

    def ask(self, call: Call[Claim]) -> None:
        """It hears anyway."""

    def take(self) -> Claim:
        return Claim((), more=True)

    def recall(self) -> None:
        """Nothing is sent."""


class Slots:
    """Runs a delivery until ``gate`` is open; notes what was started."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.started: list[Delivery] = []
        self.on_start: Callable[[], object] = bool

    def run(self, delivery: Delivery, _: object) -> Succeeded:
        self.started.append(delivery)
        self.on_start()
        self.gate.wait(_SECONDS)
        job = delivery.job
        return Succeeded(id=job.id, token=job.token, started=0.0, ended=0.0, result=b"1")


def build_loop(store: ToldStore, slots: Slots, concurrency: int) -> Loop:
    wake, link = Wake(), Link(cast("Any", store))
    executor = ThreadExecutor(concurrency, ["q"], slots.run, wake)
    executor.start()
    parts = Parts(
        wake=wake,
        link=link,
        claimer=Claimer(link, Turns(["q"]), EagerEars()),
        executor=executor,
        settler=Settler(link, wake, JobMetrics(()), OutcomeLog()),
        releaser=Releaser(link),
        progress=Progress(link, wake),
        keeping=cast("Keeping", StillKeeping()),
        stocktaker=Stocktaker(link, every_seconds=60.0),
    )
    settings = WorkerSettings.load(concurrency=concurrency, grace_seconds=4, _env_file=None)
    return Loop(parts, settings, lambda: "w1")


def run(loop: Loop) -> None:
    """Until it stops by itself, or for a bounded time."""
    timer = threading.Timer(_SECONDS, loop.ask_to_stop)
    timer.start()
    loop.run()
    timer.cancel()


def claim_of(*tokens: str) -> Claim:
    return Claim(tuple(build_claimed(token) for token in tokens))


def test_a_stop_gives_back_what_no_slot_has_started() -> None:
    store, slots = ToldStore(claim_of("a", "b", "c")), Slots()
    loop = build_loop(store, slots, concurrency=1)
    slots.on_start = loop.ask_to_stop
    store.on["release"] = slots.gate.set

    run(loop)

    assert store.sent_to("release") == [["w1", 0, 2, "id-b", "b", "id-c", "c"]]
    assert [sent[2] for sent in store.sent_to("settle")] == ["id-a"]


def test_a_stop_during_an_unanswered_claim_gives_back_what_it_brought() -> None:
    store, slots = ToldStore(StoreUnavailableError("away"), claim_of("a")), Slots()
    loop = build_loop(store, slots, concurrency=1)
    store.on["claim"] = loop.ask_to_stop

    run(loop)

    first, second = store.sent_to("claim")
    assert first[2] == 1
    assert second == [*first[:2], 0, *first[3:]]
    assert store.sent_to("release") == [["w1", 0, 1, "id-a", "a"]]
    assert slots.started == []


def test_what_was_claimed_ahead_of_a_long_job_is_given_back_as_not_started() -> None:
    store, slots = ToldStore(claim_of("a", "b")), Slots()
    loop = build_loop(store, slots, concurrency=1)

    def stop() -> None:
        slots.gate.set()
        loop.ask_to_stop()

    store.on["release"] = stop

    run(loop)

    assert store.sent_to("release") == [["w1", 0, 1, "id-b", "b"]]
    assert [delivery.job.id for delivery in slots.started] == ["id-a"]


def test_after_a_lost_lease_tasks_are_told_to_end_and_no_outcome_is_sent() -> None:
    store, slots = ToldStore(claim_of("a"), Claim((), gone=True)), Slots()
    loop = build_loop(store, slots, concurrency=2)
    told: list[Stop] = []

    def look() -> None:
        if slots.started:
            slots.started[0].stop = told.append
        if len(store.sent_to("claim")) > 2:
            slots.gate.set()
        if slots.gate.is_set() and not loop.has_running_jobs:
            loop.ask_to_stop()

    store.on["claim"] = look

    run(loop)

    assert store.sent_to("settle") == []
    assert told == [Stop.LEAVE]
    assert loop.finished == 0
