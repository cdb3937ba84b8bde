"""What the store counts as in hand, and nobody here knows, is given back; all else is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from jobyard_worker.link import Link
from jobyard_worker.stocktaker import Stocktaker

if TYPE_CHECKING:
    from jobyard.store import Store


class HoldingStore:
    """Says that a worker holds jobs of these tokens; keeps what was given back."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = tokens
        self.released: list[Any] = []

    def run(self, call: Any) -> Any:
        if call.script.name == "held":
            return [(f"id-{token}", token) for token in self.tokens]
        self.released.append(list(call.sent))
        return []


def compare(store: HoldingStore, known: set[str], nonce: str = "") -> Stocktaker:
    stocktaker = Stocktaker(Link(cast("Store", store)), every_seconds=60.0)
    stocktaker.compare("w1", known, nonce)
    return stocktaker


def test_what_nobody_knows_is_given_back_as_not_started() -> None:
    store = HoldingStore("n1-000", "n1-001")

    compare(store, {"n1-000"})

    assert store.released == [["w1", 0, 1, "id-n1-001", "n1-001"]]


def test_what_is_in_hand_stays() -> None:
    store = HoldingStore("n1-000")

    compare(store, {"n1-000", "n1-001"})

    assert store.released == []


def test_what_a_claim_under_way_may_have_brought_stays() -> None:
    store = HoldingStore("n2-000")

    compare(store, set(), nonce="n2")

    assert store.released == []


def test_it_is_due_once_in_a_while() -> None:
    assert Stocktaker(Link(cast("Store", HoldingStore())), every_seconds=0.0).is_due
    assert not compare(HoldingStore(), set()).is_due
