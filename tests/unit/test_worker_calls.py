"""Claiming, settling and giving back when the store does not answer, or refuses."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from jobyard.errors import StoreDataError, StoreUnavailableError
from jobyard.observability.metrics import JOBS_COMPLETED, SETTLEMENTS_REFUSED
from jobyard.store.records.delivery import Claim, Settled, Succeeded
from jobyard_worker.claimer import Claimer
from jobyard_worker.delivery import Delivery
from jobyard_worker.job_metrics import JobMetrics
from jobyard_worker.link import Link
from jobyard_worker.outcome_log import OutcomeLog
from jobyard_worker.releaser import Releaser
from jobyard_worker.settler import Settler
from jobyard_worker.turns import Turns
from jobyard_worker.wake import Wake
from support.builders import build_claimed, build_submission
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.store import Store
    from jobyard.store.calls import Call


class ScriptedStore:
    """Answers each call by the next of ``answers``; keeps what was sent."""

    def __init__(self, *answers: Callable[[list[Any]], Any]) -> None:
        self.answers = list(answers)
        self.sent: list[list[Any]] = []

    def run(self, call: Any) -> Any:
        self.sent.append(list(call.sent))
        return self.answers.pop(0)(self.sent[-1])


class Ears:
    """Listens as ``answers`` say; keeps what it was asked."""

    def __init__(self, *answers: Callable[[list[Any]], Claim | None]) -> None:
        self.answers = list(answers)
        self.asked: list[list[Any]] = []
        self.recalled = 0

    def start(self) -> None:
        """Nothing runs."""

    def ask(self, call: Call[Claim]) -> None:
        self.asked.append(list(call.sent))

    def take(self) -> Claim | None:
        return self.answers.pop(0)(self.asked[-1])

    def recall(self) -> None:
        self.recalled += 1


def link_of(store: ScriptedStore) -> Link:
    return Link(cast("Store", store))


def away(_: list[Any]) -> Any:
    raise StoreUnavailableError("away")


def refuse(_: list[Any]) -> Any:
    raise StoreDataError("foreign type")


def settle_all(sent: list[Any]) -> list[Settled]:
    return [Settled.DONE] * sent[1]


def build_delivery(token: str) -> Delivery:
    return Delivery(build_claimed(token))


def ended(token: str, result: bytes = b"1") -> tuple[Delivery, Succeeded]:
    delivery = build_delivery(token)
    return delivery, Succeeded(
        id=delivery.job.id, token=token, started=0.0, ended=0.0, result=result
    )


def flush_all(settler: Settler) -> None:
    while len(settler):
        settler.flush("w")
        wait_for(lambda: settler.has_news or not len(settler))


def test_a_claim_without_reply_is_repeated_as_it_was() -> None:
    store = ScriptedStore(away, lambda _: Claim(()), lambda _: Claim(()))
    claimer = Claimer(link_of(store), Turns(["q"]), Ears())

    with pytest.raises(StoreUnavailableError):
        claimer.claim("w", 5)
    unanswered = claimer.is_unanswered
    claimer.claim("w", 99)
    claimer.claim("w", 3)

    first, second, third = store.sent
    assert unanswered
    assert first == second
    assert third[1] != first[1]
    assert third[2] == 3


def test_a_claim_may_promise_more() -> None:
    full = Claim((build_delivery("a").job,), more=True)
    claimer = Claimer(
        link_of(ScriptedStore(lambda _: full, lambda _: Claim(()))), Turns(["q"]), Ears()
    )

    claimer.claim("w", 1)
    after_full = claimer.may_find_more
    claimer.claim("w", 1)

    assert after_full
    assert not claimer.may_find_more


def test_a_claim_that_met_only_records_that_are_too_new_is_not_repeated_at_once() -> None:
    only_new = Claim((), more=True, too_new=1000)
    claimer = Claimer(link_of(ScriptedStore(lambda _: only_new)), Turns(["q"]), Ears())

    claimer.claim("w", 1)

    assert not claimer.may_find_more


def test_a_claim_that_stands_takes_one_job_at_most() -> None:
    found = Claim((build_delivery("a").job,), more=True)
    ears = Ears(lambda _: None, lambda _: found)
    claimer = Claimer(link_of(ScriptedStore()), Turns(["q"]), ears)

    claimer.listen("w")
    claimer.listen("w")
    nothing, something = claimer.heard(), claimer.heard()

    assert [sent[2] for sent in ears.asked] == [1]
    assert (nothing, something) == (None, found)
    assert claimer.may_find_more
    assert not claimer.is_unanswered


def test_a_claim_that_stood_and_was_lost_is_asked_for_again_as_it_was() -> None:
    store, ears = ScriptedStore(lambda _: Claim(())), Ears(away)
    claimer = Claimer(link_of(store), Turns(["q"]), ears)

    claimer.listen("w")
    heard, was_unanswered = claimer.heard(), claimer.is_unanswered
    claimer.claim("w", 9)

    assert heard is None
    assert was_unanswered
    assert store.sent == ears.asked


def test_a_claim_in_place_of_one_that_stands_is_the_same_one() -> None:
    store, ears = ScriptedStore(lambda _: Claim(())), Ears()
    claimer = Claimer(link_of(store), Turns(["q"]), ears)

    claimer.listen("w")
    claimer.claim("w", 9)

    assert ears.recalled == 1
    assert store.sent == ears.asked


def test_a_claim_that_was_recalled_is_closed_under_its_name() -> None:
    late = Claim((build_delivery("a").job,))
    store, ears = ScriptedStore(lambda _: late), Ears()
    claimer = Claimer(link_of(store), Turns(["q"]), ears)

    claimer.listen("w")
    claimer.recall()
    was_unanswered, brought = claimer.is_unanswered, claimer.close("w")

    [[worker, nonce, limit, *_]] = store.sent
    assert was_unanswered
    assert (worker, nonce, limit) == ("w", ears.asked[0][1], 0)
    assert brought == late
    assert not claimer.is_unanswered


def test_outcomes_wait_while_the_store_is_away() -> None:
    store = ScriptedStore(away, settle_all)
    settler = Settler(link_of(store), Wake(), JobMetrics(()), OutcomeLog())
    settler.add([ended("a"), ended("b")])

    with pytest.raises(StoreUnavailableError):
        flush_all(settler)
    kept = len(settler)
    flush_all(settler)

    assert kept == 2
    assert len(settler) == 0
    assert store.sent[0][2] == store.sent[1][2] == "id-a"


def test_a_refused_outcome_does_not_hold_the_others() -> None:
    store = ScriptedStore(refuse, settle_all, refuse, settle_all)
    settler = Settler(link_of(store), Wake(), JobMetrics(()), OutcomeLog())
    settler.add([ended("a"), ended("bad"), ended("c")])

    flush_all(settler)

    assert len(settler) == 0
    assert [sent[1] for sent in store.sent] == [3, 1, 1, 1]


def test_a_refused_outcome_is_stored_once_the_store_takes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jobyard_worker.settler._REFUSED_SECONDS", 0.0)
    store = ScriptedStore(refuse, refuse, settle_all)
    settler = Settler(link_of(store), Wake(), JobMetrics(()), OutcomeLog())
    settler.add([ended("a")])

    def has_been_sent(times: int) -> bool:
        if settler.has_news:
            settler.flush("w")
        return len(store.sent) >= times

    wait_for(lambda: has_been_sent(3))

    assert [sent[2] for sent in store.sent] == ["id-a"] * 3
    assert not store.answers


def test_what_became_of_a_batch_is_counted_when_the_store_has_answered() -> None:
    store = ScriptedStore(away, lambda _: [Settled.DONE, Settled.STALE])
    metrics = JobMetrics(())
    settler = Settler(link_of(store), Wake(), metrics, OutcomeLog())
    settler.add([ended("a"), ended("b")])
    sources = {source.metric: source for source in metrics.sources}
    completed, refused = sources[JOBS_COMPLETED], sources[SETTLEMENTS_REFUSED]

    with pytest.raises(StoreUnavailableError):
        flush_all(settler)
    before = completed.read()
    flush_all(settler)

    assert before == {}
    assert completed.read() == {("q", "other", "succeeded"): 1}
    assert refused.read() == {("stale",): 1, ("vanished",): 0}


def test_batches_are_bounded_in_number_and_in_bytes() -> None:
    store = ScriptedStore(*[settle_all] * 6)
    settler = Settler(link_of(store), Wake(), JobMetrics(()), OutcomeLog())
    settler.add([ended(str(number)) for number in range(150)])
    settler.add([ended(f"large-{number}", b"1" * 3_000_000) for number in range(2)])

    flush_all(settler)

    assert sorted(sent[1] for sent in store.sent) == [1, 1, 50, 50, 50]


def test_a_small_batch_waits_for_the_one_under_way() -> None:
    is_sent, is_answered = threading.Event(), threading.Event()

    def answer_late(sent: list[Any]) -> list[Settled]:
        is_sent.set()
        is_answered.wait(10)
        return settle_all(sent)

    store = ScriptedStore(answer_late, settle_all)
    settler = Settler(link_of(store), Wake(), JobMetrics(()), OutcomeLog())
    settler.add([ended("a")])
    settler.flush("w")
    settler.add([ended("b")])
    is_sent.wait(10)

    settler.flush("w")
    sent_meanwhile, had_news = len(store.sent), settler.has_news
    is_answered.set()
    flush_all(settler)

    assert (sent_meanwhile, had_news) == (1, False)
    assert [sent[2] for sent in store.sent] == ["id-a", "id-b"]


def test_a_batch_that_is_worth_it_goes_beside_the_one_under_way() -> None:
    is_answered = threading.Event()

    def fail_late(_: list[Any]) -> Any:
        is_answered.wait(10)
        raise StoreUnavailableError("away")

    def answer_at_once(sent: list[Any]) -> list[Settled]:
        is_answered.set()
        return settle_all(sent)

    store = ScriptedStore(fail_late, answer_at_once, settle_all)
    settler = Settler(link_of(store), Wake(), JobMetrics(()), OutcomeLog())
    settler.add([ended("late")])
    settler.flush("w")
    wait_for(lambda: store.sent)
    settler.add([ended(f"other-{number}") for number in range(30)])

    settler.flush("w")
    in_hand, known = len(settler), len(settler.tokens())
    with pytest.raises(StoreUnavailableError):
        flush_all(settler)
    flush_all(settler)

    assert (in_hand, known) == (31, 31)
    assert [(sent[1], sent[2]) for sent in store.sent] == [
        (1, "id-late"),
        (30, "id-other-0"),
        (1, "id-late"),
    ]


def test_what_jobs_enqueued_counts_towards_the_size_of_a_batch() -> None:
    store = ScriptedStore(*[settle_all] * 3)
    settler = Settler(link_of(store), Wake(), JobMetrics(()), OutcomeLog())
    children = tuple(build_submission() for _ in range(60))
    for token in "abc":
        delivery, settlement = ended(token)
        settler.add([(delivery, replace(settlement, follow_ups=children))])

    flush_all(settler)

    assert [sent[1] for sent in store.sent] == [1, 1, 1]


def test_a_lost_lease_forgets_what_is_under_way() -> None:
    is_answered = threading.Event()
    store = ScriptedStore(lambda _: is_answered.wait(10) and away(_), settle_all)
    settler = Settler(link_of(store), Wake(), JobMetrics(()), OutcomeLog())
    settler.add([ended("stale")])
    settler.flush("w1")

    settler.forget()
    settler.add([ended("fresh")])
    is_answered.set()
    flush_all(settler)

    assert [(sent[0], sent[2]) for sent in store.sent] == [("w1", "id-stale"), ("w", "id-fresh")]


def test_what_is_given_back_keeps_its_order_over_batches() -> None:
    store = ScriptedStore(away, *[settle_all] * 2)
    releaser = Releaser(link_of(store))
    releaser.add([build_delivery(f"{number:03}") for number in range(150)])

    with pytest.raises(StoreUnavailableError):
        releaser.flush("w")
    releaser.flush("w")

    last, first = store.sent[1:]
    assert (last[4], last[-1]) == ("050", "149")
    assert (first[4], first[-1]) == ("000", "049")


def test_only_jobs_that_ran_are_given_back_as_started() -> None:
    store = ScriptedStore(*[settle_all] * 3)
    releaser = Releaser(link_of(store))
    deliveries = [build_delivery(token) for token in "abcd"]
    deliveries[1].is_started = True
    releaser.add(deliveries)

    releaser.flush("w")

    assert [(sent[1], sent[4::2]) for sent in store.sent] == [
        (0, ["c", "d"]), (1, ["b"]), (0, ["a"]),
    ]  # fmt: skip


def test_the_store_is_left_alone_for_a_while_after_it_was_away() -> None:
    link = link_of(ScriptedStore(away, lambda _: Claim(())))
    claimer = Claimer(link, Turns(["q"]), Ears())

    with pytest.raises(StoreUnavailableError):
        claimer.claim("w", 1)
    pause = link.wait_seconds
    claimer.claim("w", 1)

    assert 0 < pause <= 0.1
    assert link.wait_seconds == 0
