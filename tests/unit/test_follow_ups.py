"""What a task may enqueue, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic_core import from_json, to_json

from jobyard import ConfigurationError, Context, InvalidPayloadError, Payload, RetryPolicy, task
from jobyard.context import MAX_FOLLOW_UP_BYTES, MAX_FOLLOW_UPS
from jobyard.errors import UnknownTaskError
from jobyard.follow_ups import FollowUps, submissions_of
from jobyard.registry import Registry
from jobyard.settings import Settings
from jobyard.task import separate_declarations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobyard.store.records.submission import Submission


class Letter(Payload):
    to: str
    on: datetime | None = None


def send(letter: Letter) -> None: ...


@pytest.fixture(autouse=True)
def _declared() -> Iterator[None]:
    with separate_declarations():
        task(name="letter.send", queue="mail", retry=(1, 2), timeout=9, result_ttl=8)(send)
        yield


@pytest.fixture
def context() -> Context:
    settings = Settings.load(default_queue="main", default_timeout_seconds=77, _env_file=None)
    return build_context(FollowUps(Registry(), settings))


def build_context(follow_ups: FollowUps | None = None) -> Context:
    make = follow_ups.record if follow_ups else None
    return Context(job_id="job-1", task="parent", queue="default", follow_up=make)


def stored(context: Context) -> list[Submission]:
    """What is handed to the settlement, after a way through a child's pipe."""
    direct = submissions_of(context.follow_ups)
    assert submissions_of(from_json(to_json(context.follow_ups))) == direct
    return list(direct)


def test_what_is_left_out_comes_from_the_task(context: Context) -> None:
    job_id = context.enqueue("letter.send", {"to": "Ada"})

    [job] = stored(context)
    assert (job.id, job.task, job.queue, job.payload) == (
        job_id, "letter.send", "mail", b'{"to":"Ada"}',
    )  # fmt: skip
    assert (job.timeout_seconds, job.result_ttl_seconds, job.failure_ttl_seconds) == (9, 8, 604_800)
    assert RetryPolicy.from_json(job.retry) == RetryPolicy.fixed(1, 2)
    assert (job.delay_seconds, job.expires_at, job.tags) == (None, None, ())


def test_options_win_over_the_task(context: Context) -> None:
    expires_at = datetime(2030, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)

    context.enqueue(
        send,
        {"to": "Ada"},
        queue="other",
        delay=timedelta(seconds=1.5),
        expires_at=expires_at,
        timeout=60,
        retry=RetryPolicy.fixed(7, give_up_on=[ValueError]),
        tags=["a", "b"],
    )

    [job] = stored(context)
    assert (job.task, job.queue, job.delay_seconds) == ("letter.send", "other", 1.5)
    assert (job.expires_at, job.timeout_seconds, job.tags) == (expires_at, 60, ("a", "b"))
    assert RetryPolicy.from_json(job.retry).give_up_on == ("ValueError",)


def test_a_job_can_be_told_to_give_up_at_once(context: Context) -> None:
    context.enqueue("letter.send", {"to": "Ada"}, retry=0)

    assert stored(context)[0].retry == b""


def test_each_run_makes_ids_of_its_own(context: Context) -> None:
    ids = {context.enqueue("letter.send", {"to": "Ada"}) for _ in range(3)}

    assert len(ids) == 3
    assert ids == {job.id for job in stored(context)}


def test_a_payload_is_stored_as_it_will_be_read(context: Context) -> None:
    context.enqueue(send, {"to": "Ada", "on": datetime(2030, 1, 1, tzinfo=UTC)})
    context.enqueue(send, Letter(to="Bob"))  # type: ignore[arg-type]  # what JSON can carry will do

    first, second = stored(context)
    assert from_json(first.payload) == {"to": "Ada", "on": "2030-01-01T00:00:00Z"}
    assert from_json(second.payload) == {"to": "Bob", "on": None}


ENDLESS: list[object] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({}, "/to: Field required"),
        ({"to": 3}, "/to:"),
        ({"to": "Ada", "cc": "Bob"}, "/cc:"),
        ({"to": "\ud800"}, "JSON cannot carry it"),
        ({"to": object()}, "JSON cannot carry it"),
        ({"to": float("nan")}, "JSON cannot carry it"),
        ({"to": ENDLESS}, "JSON cannot carry it"),
        (["Ada"], "give an object"),
    ],
)
def test_a_payload_that_does_not_fit_is_refused_at_once(
    context: Context, payload: Any, words: str
) -> None:
    with pytest.raises(InvalidPayloadError, match=words):
        context.enqueue("letter.send", payload)

    assert context.follow_ups == []


def test_a_misspelt_task_is_refused_with_its_neighbours(context: Context) -> None:
    with pytest.raises(UnknownTaskError, match=r"mean letter\.send\?.*give queue"):
        context.enqueue("leter.send", {"to": "Ada"})


def test_a_task_of_other_workers_is_named_with_its_queue(context: Context) -> None:
    context.enqueue("elsewhere.run", {"any": ["thing"]}, queue="far")

    [job] = stored(context)
    assert (job.task, job.queue, job.timeout_seconds, job.retry) == (
        "elsewhere.run",
        "far",
        77,
        b"",
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"queue": "a:b"}, "queue name"),
        ({"delay": -1}, "delay=-1"),
        ({"delay": float("nan")}, "delay=nan"),
        ({"delay": "1"}, "delay='1'"),
        ({"delay": timedelta(days=5000)}, "ten years"),
        ({"expires_at": datetime(2030, 1, 1)}, "with its zone"),  # noqa: DTZ001 - the point of it
        ({"expires_at": "2030-01-01T00:00:00Z"}, "with its zone"),
        ({"timeout": 0}, "timeout=0"),
        ({"retry": -1}, "retry=-1"),
        ({"retry": "x"}, "retry='x'"),
        ({"tags": "word"}, "tags="),
        ({"tags": [""]}, "tags="),
        ({"tags": ["\ud800"]}, "tags="),
        ({"tags": ["x"] * 21}, "tags="),
    ],
)
def test_an_option_that_cannot_work_is_refused_by_name(
    context: Context, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        context.enqueue("letter.send", {"to": "Ada"}, **options)

    assert context.follow_ups == []


@pytest.mark.parametrize("wrong", [len, None, 3, "a b"])
def test_what_is_no_task_is_refused(context: Context, wrong: Any) -> None:
    with pytest.raises((ConfigurationError, UnknownTaskError)):
        context.enqueue(wrong, queue="q" if isinstance(wrong, str) else None)


def test_too_many_are_refused(context: Context) -> None:
    for _ in range(MAX_FOLLOW_UPS):
        context.enqueue("letter.send", {"to": "Ada"})

    with pytest.raises(ValueError, match="at most 100 others"):
        context.enqueue("letter.send", {"to": "Ada"})

    assert len(context.follow_ups) == MAX_FOLLOW_UPS


def test_payloads_that_are_too_large_together_are_refused(context: Context) -> None:
    third = "x" * (MAX_FOLLOW_UP_BYTES // 3)
    context.enqueue("letter.send", {"to": third})
    context.enqueue("letter.send", {"to": third})

    with pytest.raises(ValueError, match="4 MiB together"):
        context.enqueue("letter.send", {"to": third})

    assert len(context.follow_ups) == 2


def test_where_success_and_follow_ups_cannot_be_one_step_they_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="jobyard-worker"):
        build_context().enqueue("letter.send", {"to": "Ada"})
