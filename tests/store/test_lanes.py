"""Lanes: jobs of a queue with a priority, in queues of RQ's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rq import Queue

from jobyard.store import calls

if TYPE_CHECKING:
    import redis

    from support.yard import Yard


def submit_each(yard: Yard, *queues: str) -> None:
    """A job for each queue, called nearly as the queue."""
    for queue in queues:
        yard.submit(queue.replace(".", "_"), queue=queue)


def claimed(yard: Yard, *queues: str, limit: int = 100) -> list[str]:
    yard.join("w1")
    return [job.queue for job in yard.claim(queues=queues, limit=limit)]


def test_a_claim_empties_the_lanes_of_a_queue_from_high_to_low(yard: Yard) -> None:
    submit_each(yard, "mail.low", "mail", "mail.high")

    assert claimed(yard, "mail") == ["mail.high", "mail", "mail.low"]


def test_all_lanes_of_an_earlier_queue_come_before_the_next_queue(yard: Yard) -> None:
    submit_each(yard, "b.high", "b", "a.low")

    assert claimed(yard, "a", "b") == ["a.low", "b.high", "b"]


def test_one_job_at_a_time_is_taken_in_the_same_order(yard: Yard) -> None:
    submit_each(yard, "mail.low", "mail", "mail.high")

    assert [claimed(yard, "mail", limit=1) for _ in range(4)] == [
        ["mail.high"],
        ["mail"],
        ["mail.low"],
        [],
    ]


def test_a_worker_may_serve_one_lane_alone(yard: Yard) -> None:
    submit_each(yard, "mail.low", "mail", "mail.high")

    assert claimed(yard, "mail.high") == ["mail.high"]


def test_a_claim_says_that_more_waits_in_a_lane(yard: Yard) -> None:
    submit_each(yard, "mail.low", "mail.high")
    yard.join("w1")

    claim = yard.store.run(calls.claim("w1", "n1", ["mail"], 1))

    assert claim.more


def test_a_job_in_a_lane_rings_the_bell_of_its_queue(yard: Yard) -> None:
    submit_each(yard, "mail.high")

    assert yard.client.llen(yard.keys.bell("mail")) == 1
    assert yard.store.listen(["mail"])


def test_a_delayed_job_comes_back_into_its_lane(yard: Yard) -> None:
    yard.submit("j1", queue="mail.high", delay_seconds=60.0)
    yard.make_due("j1", queue="mail.high")

    yard.promote()

    assert yard.waiting("mail.high") == ["j1"]


def test_what_is_given_back_goes_to_the_head_of_its_lane(yard: Yard) -> None:
    submit_each(yard, "mail.high")
    yard.join("w1")
    [job] = yard.claim(queues=["mail"])
    yard.submit("j2", queue="mail.high")

    yard.release(job)

    assert yard.waiting("mail.high") == ["mail_high", "j2"]


def test_rq_sees_a_lane_as_a_queue(yard: Yard, rq_connection: redis.Redis) -> None:
    submit_each(yard, "mail.high", "mail")

    names = {queue.name for queue in Queue.all(connection=rq_connection)}

    assert names == {"mail.high", "mail"}


def test_a_lane_with_a_foreign_key_is_passed_over_alone(yard: Yard) -> None:
    yard.client.set(yard.keys.queue("mail.high"), "foreign")
    submit_each(yard, "mail")
    yard.join("w1")

    assert [job.id for job in yard.claim(queues=["mail"])] == ["mail"]
