"""Every key of the store."""

from __future__ import annotations

import inspect

import pytest
from rq import Queue
from rq.job import Job
from rq.registry import FailedJobRegistry, FinishedJobRegistry, ScheduledJobRegistry
from rq.registry import StartedJobRegistry as WipRegistry
from rq.worker import BaseWorker

from jobyard.keys import Keys, prefix_from_environment

KEYS = Keys("pre")


def test_rqs_keys_are_rqs_own() -> None:
    rq = Keys("rq")

    assert rq.queue("q") == Queue.redis_queue_namespace_prefix + "q"
    assert rq.queues() == Queue.redis_queues_keys
    assert rq.job("j") == Job.key_for("j")
    assert rq.worker("w") == BaseWorker.redis_worker_namespace_prefix + "w"
    assert rq.workers() == BaseWorker.redis_workers_keys


@pytest.mark.parametrize(
    ("name", "registry"),
    [
        ("wip", WipRegistry),
        ("scheduled", ScheduledJobRegistry),
        ("finished", FinishedJobRegistry),
        ("failed", FailedJobRegistry),
    ],
)
def test_registries_are_rqs_own(name: str, registry: type[WipRegistry]) -> None:
    assert Keys("rq").registry(name, "q") == registry.key_template.format("q")


def every_key() -> dict[str, str]:
    functions = inspect.getmembers(KEYS, inspect.ismethod)
    return {
        name: function(*("x" for _ in inspect.signature(function).parameters))
        for name, function in functions
        if not name.startswith("_")
    }


def test_every_key_is_under_the_prefix() -> None:
    assert all(key.startswith("pre:") for key in every_key().values())


def test_no_two_kinds_of_key_collide() -> None:
    made = every_key()

    assert len(set(made.values())) == len(made)


@pytest.mark.parametrize("prefix", ["", "a b", "a\n", "a*", "ä"])
def test_a_prefix_that_would_break_an_acl_pattern_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="RQ_KEY_PREFIX"):
        Keys(prefix)


def test_the_prefix_of_the_environment_is_rqs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RQ_KEY_PREFIX", raising=False)
    assert prefix_from_environment() == "rq"

    monkeypatch.setenv("RQ_KEY_PREFIX", "other")
    assert prefix_from_environment() == "other"
