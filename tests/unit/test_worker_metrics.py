"""What a worker counts of a batch of settlements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from jobyard.observability.trace_context import TraceContext
from jobyard.observability.tracer import OpenSpan
from jobyard.observability.values import Histogram
from jobyard.store.records.delivery import RQEnded, Settled
from jobyard_worker.delivery import Delivery
from jobyard_worker.job_metrics import JobMetrics
from support.builders import KINDS, build_claimed, build_settlement, build_submission

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobyard.observability.metrics import Labels
    from jobyard.observability.values import Distribution
    from jobyard.store.records.delivery import Settlement

TASKS = ("add", "noop")
QUEUED_AT = b"2026-11-24T12:00:00.000000Z"
CLAIMED_MS = 1_795_521_600_000 + 2_000
"""Two seconds later."""


def ended(
    kind: str = "succeeded", task: str = "noop", follow_ups: Any = None, **job: Any
) -> tuple[Delivery, Settlement]:
    delivery = Delivery(build_claimed(**job))
    delivery.task = task
    own = {"follow_ups": follow_ups} if follow_ups else {}
    return delivery, build_settlement(kind, delivery.job, **own)


def noted(*batch: tuple[Delivery, Settlement], reply: Settled = Settled.DONE) -> JobMetrics:
    metrics = JobMetrics(TASKS)
    metrics.note(batch, [reply] * len(batch))
    return metrics


def counts(metrics: JobMetrics, name: str) -> dict[Labels, float]:
    [source] = [source for source in metrics.sources if source.metric.name == name]
    assert not isinstance(source, Histogram)
    return dict(source.read())


def spread(metrics: JobMetrics, name: str) -> Mapping[Labels, Distribution]:
    [source] = [source for source in metrics.sources if source.metric.name == name]
    assert isinstance(source, Histogram)
    return source.read()


@pytest.mark.parametrize("kind", KINDS)
def test_an_end_is_counted_by_queue_task_and_outcome(kind: str) -> None:
    metrics = noted(ended(kind, task="add", queue="high"), ended(kind), ended(kind))

    assert counts(metrics, "jobyard_jobs_completed_total") == {
        ("high", "add", kind): 1,
        ("q", "noop", kind): 2,
    }
    assert sum(spread(metrics, "jobyard_job_run_seconds")["q", "noop"].counts) == 2


def test_names_that_are_no_tasks_of_the_worker_are_one_series() -> None:
    names = ("", "nobody", "billing.jobs.charge", "add\n")

    metrics = noted(*(ended("failed", task=name) for name in names))

    assert counts(metrics, "jobyard_jobs_completed_total") == {("q", "other", "failed"): 4}


def test_jobs_of_plain_rq_code_end_in_rqs_words_under_no_name_of_theirs() -> None:
    delivery, settlement = ended(task="billing.jobs.charge")
    stopped = RQEnded(id="id", token="t", started=0.0, ended=1.5, kind="stopped")

    metrics = noted((delivery, stopped), (delivery, settlement))

    assert counts(metrics, "jobyard_jobs_completed_total") == {
        ("q", "other", "stopped"): 1,
        ("q", "other", "succeeded"): 1,
    }


@pytest.mark.parametrize("reply", [Settled.STALE, Settled.VANISHED])
def test_what_the_store_refused_is_not_completed(reply: Settled) -> None:
    metrics = noted(ended(), reply=reply)

    refused = counts(metrics, "jobyard_settlements_refused_total")
    assert refused == {("stale",): 0, ("vanished",): 0, (reply.value,): 1}
    assert counts(metrics, "jobyard_jobs_completed_total") == {}


def test_what_was_stored_before_its_answer_was_lost_counts() -> None:
    metrics = noted(ended(), reply=Settled.AGAIN)

    assert counts(metrics, "jobyard_jobs_completed_total") == {("q", "noop", "succeeded"): 1}


def test_the_wait_runs_from_the_queue_to_the_start() -> None:
    delivery, settlement = ended(enqueued_at=QUEUED_AT, claimed_ms=CLAIMED_MS)
    delivery.taken_at = settlement.started - 0.5

    metrics = noted((delivery, settlement))

    waits = spread(metrics, "jobyard_job_wait_seconds")
    assert waits["q",].total == pytest.approx(2.5)
    assert sum(waits["q",].counts) == 1


@pytest.mark.parametrize("text", [b"", b"soon", b"\xff", b"0001-01-01T00:00:00"])
def test_a_wait_that_is_not_known_stops_nothing(text: bytes) -> None:
    metrics = noted(ended(enqueued_at=text, claimed_ms=CLAIMED_MS))

    assert counts(metrics, "jobyard_jobs_completed_total") == {("q", "noop", "succeeded"): 1}
    assert bool(spread(metrics, "jobyard_job_wait_seconds")) == bool(text)


AT_NOON: dict[str, Any] = {"created_at": QUEUED_AT, "claimed_ms": CLAIMED_MS}


@pytest.mark.parametrize(
    ("kind", "number"),
    [("succeeded", 1), ("failed", 1), ("canceled", 1), ("retrying", 0), ("crashed", 0)],
)
def test_only_what_ended_for_good_has_an_age_at_its_end(kind: str, number: int) -> None:
    metrics = noted(ended(kind, **AT_NOON))

    ages = spread(metrics, "jobyard_job_end_to_end_seconds")
    assert sum(sum(age.counts) for age in ages.values()) == number


def test_the_age_runs_from_the_submission_to_the_end() -> None:
    delivery, settlement = ended(**AT_NOON)
    delivery.taken_at = settlement.ended - 3

    metrics = noted((delivery, settlement))

    assert spread(metrics, "jobyard_job_end_to_end_seconds")["q",].total == pytest.approx(5)


def test_lanes_count_as_their_queue() -> None:
    lanes = ("mail.high", "mail", "mail.low")

    metrics = noted(*(ended(queue=lane, enqueued_at=QUEUED_AT, **AT_NOON) for lane in lanes))

    assert counts(metrics, "jobyard_jobs_completed_total") == {("mail", "noop", "succeeded"): 3}
    for name in ("run", "wait", "end_to_end"):
        assert {labels[0] for labels in spread(metrics, f"jobyard_job_{name}_seconds")} == {"mail"}


def test_jobs_that_a_job_left_count_as_submitted_once_it_is_stored() -> None:
    left = (build_submission(task="add", queue="mail.low"), build_submission(task="nobody"))
    delivery, settlement = ended(follow_ups=left)

    metrics = noted((delivery, settlement))
    metrics.note([(delivery, settlement)], [Settled.STALE])

    assert counts(metrics, "jobyard_jobs_submitted_total") == {
        ("mail", "add"): 1,
        ("default", "other"): 1,
    }


RUN = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", is_sampled=True)


def traced(*, is_recorded: bool) -> tuple[Delivery, Settlement]:
    delivery, settlement = ended(enqueued_at=QUEUED_AT, **AT_NOON)
    span = TracerProvider().get_tracer("tests").start_span("run") if is_recorded else None
    delivery.span = OpenSpan(RUN, span)
    return delivery, settlement


def test_a_run_that_is_recorded_is_the_example_of_its_buckets() -> None:
    metrics = noted(traced(is_recorded=True))

    for name in ("run", "wait", "end_to_end"):
        [distribution] = spread(metrics, f"jobyard_job_{name}_seconds").values()
        [(place, example)] = distribution.exemplars.items()
        assert example.trace_id == RUN.trace_id
        assert distribution.counts[place] == 1


def test_a_run_that_is_not_recorded_is_no_example() -> None:
    metrics = noted(traced(is_recorded=False))

    [distribution] = spread(metrics, "jobyard_job_run_seconds").values()
    assert distribution.exemplars == {}
