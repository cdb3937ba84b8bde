"""Group commit: what is sent together, who gets which outcome, and what an error does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from jobyard.errors import StoreDataError, StoreUnavailableError
from jobyard.states import State
from jobyard.store.records.submission import Submission, SubmitStatus, Submitted
from jobyard_api.submitter import LIMIT, LIMIT_BYTES, Submitter

if TYPE_CHECKING:
    from collections.abc import Callable


class SlowStore:
    """Records each call and answers when it is let go; ``fails`` may raise."""

    def __init__(self, fails: Callable[[list[Submission]], None] = lambda _: None) -> None:
        self.calls: list[list[str]] = []
        self.gate = asyncio.Event()
        self._fails = fails

    async def submit(self, submissions: list[Submission]) -> list[Submitted]:
        self.calls.append([one.id for one in submissions])
        await self.gate.wait()
        self._fails(submissions)
        return [Submitted(one.id, SubmitStatus.CREATED, State.QUEUED) for one in submissions]


def job(name: str, queue: str = "q", payload: bytes = b"{}") -> Submission:
    return Submission(
        id=name,
        task="t",
        queue=queue,
        payload=payload,
        timeout_seconds=1,
        result_ttl_seconds=1,
        failure_ttl_seconds=1,
    )


def jobs(*names: str) -> list[Submission]:
    return [job(name) for name in names]


async def started(
    submitter: Submitter, *groups: list[Submission]
) -> list[asyncio.Task[list[Submitted]]]:
    tasks = [asyncio.create_task(submitter.submit(group)) for group in groups]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


def test_an_idle_store_is_called_at_once() -> None:
    async def scenario() -> None:
        store = SlowStore()
        submitter = Submitter(store.submit)
        [first] = await started(submitter, jobs("a"))
        assert store.calls == [["a"]]
        store.gate.set()
        assert [one.id for one in await first] == ["a"]

    asyncio.run(scenario())


def test_what_comes_during_a_call_goes_in_the_next_one() -> None:
    async def scenario() -> None:
        store = SlowStore()
        submitter = Submitter(store.submit)
        [first] = await started(submitter, jobs("a"))
        others = await started(submitter, jobs("b", "c"), jobs("d"))
        store.gate.set()
        outcomes = await asyncio.gather(first, *others)
        assert store.calls == [["a"], ["b", "c", "d"]]
        assert [[one.id for one in group] for group in outcomes] == [["a"], ["b", "c"], ["d"]]

    asyncio.run(scenario())


def test_a_call_has_at_most_the_limit_and_no_request_is_split() -> None:
    async def scenario() -> None:
        store = SlowStore()
        submitter = Submitter(store.submit)
        groups = [jobs(*(f"{group}-{n}" for n in range(40))) for group in range(5)]
        tasks = await started(submitter, jobs("x"), *groups)
        store.gate.set()
        await asyncio.gather(*tasks)
        assert [len(call) for call in store.calls] == [81, 80, 40]
        assert max(map(len, store.calls)) <= LIMIT

    asyncio.run(scenario())


def test_a_call_is_bounded_in_bytes() -> None:
    async def scenario() -> None:
        store = SlowStore()
        submitter = Submitter(store.submit)
        heavy = b"x" * (LIMIT_BYTES // 2)
        tasks = await started(submitter, *([job(name, payload=heavy)] for name in "abc"))
        store.gate.set()
        await asyncio.gather(*tasks)
        assert store.calls == [["a", "b"], ["c"]]

    asyncio.run(scenario())


def test_a_request_beyond_the_limit_is_a_mistake() -> None:
    submitter = Submitter(SlowStore().submit)

    with pytest.raises(ValueError, match="at most"):
        asyncio.run(submitter.submit(jobs(*map(str, range(LIMIT + 1)))))


def test_while_the_store_is_away_all_who_wait_are_told() -> None:
    def away(_: list[Submission]) -> None:
        raise StoreUnavailableError("away")

    async def scenario() -> None:
        store = SlowStore(away)
        submitter = Submitter(store.submit)
        tasks = await started(submitter, jobs("a"))
        tasks += await started(submitter, jobs("b"))
        store.gate.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailableError] * 2
        assert store.calls == [["a"]]

    asyncio.run(scenario())


def test_one_broken_queue_fails_only_its_own_requests() -> None:
    def broken(submissions: list[Submission]) -> None:
        if any(one.queue == "broken" for one in submissions):
            raise StoreDataError("rq:queue:broken")

    async def scenario() -> None:
        store = SlowStore(broken)
        submitter = Submitter(store.submit)
        tasks = await started(submitter, jobs("a"), [job("b", "broken")], jobs("c"))
        store.gate.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(outcome, StoreDataError) for outcome in outcomes] == [False, True, False]

    asyncio.run(scenario())


def test_a_request_that_was_given_up_is_not_sent() -> None:
    async def scenario() -> None:
        store = SlowStore()
        submitter = Submitter(store.submit)
        [first] = await started(submitter, jobs("a"))
        given_up, last = await started(submitter, jobs("b"), jobs("c"))
        given_up.cancel()
        await asyncio.sleep(0)
        store.gate.set()
        await asyncio.gather(first, last)
        assert store.calls == [["a"], ["c"]]

    asyncio.run(scenario())


def test_an_unexpected_error_reaches_the_request_and_the_next_one_is_served() -> None:
    wrong = [RuntimeError("bug")]

    def once(_: list[Submission]) -> None:
        if wrong:
            raise wrong.pop()

    async def scenario() -> None:
        store = SlowStore(once)
        store.gate.set()
        submitter = Submitter(store.submit)
        with pytest.raises(RuntimeError):
            await submitter.submit(jobs("a"))
        assert [one.id for one in await submitter.submit(jobs("b"))] == ["b"]

    asyncio.run(scenario())
