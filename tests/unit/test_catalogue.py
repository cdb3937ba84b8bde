"""A task as it is published."""

from __future__ import annotations

from jobyard.catalogue import record_of
from jobyard.registry import discover
from jobyard.retry import RetryPolicy
from jobyard.settings import Settings

REGISTRY = discover()


def test_an_installations_defaults_are_filled_in() -> None:
    settings = Settings.load(default_queue="mine", default_timeout_seconds=7)

    record = record_of(REGISTRY.get("echo"), settings)

    assert (record.queue, record.timeout_seconds) == ("mine", 7)
    assert (record.result_ttl_seconds, record.failure_ttl_seconds) == (3_600, 604_800)
    assert record.retry == {}


def test_what_a_task_declares_wins() -> None:
    record = record_of(REGISTRY.get("heavy_compute"), Settings.load(default_timeout_seconds=7))

    assert (record.timeout_seconds, record.failure_ttl_seconds) == (900, 86_400)


def test_the_published_retries_are_a_policy_again() -> None:
    record = record_of(REGISTRY.get("send_email"), Settings.load())

    assert RetryPolicy.model_validate(record.retry) == RetryPolicy.fixed(1, 2, 4)


def test_the_version_changes_with_the_payload_and_only_then() -> None:
    settings = Settings.load()

    echo, again = (record_of(REGISTRY.get("echo"), settings) for _ in range(2))

    assert echo.version == again.version
    assert echo.version != record_of(REGISTRY.get("add"), settings).version
