"""Settings from the environment and ``.env``."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import AliasChoices

from jobyard.errors import ConfigurationError
from jobyard.settings import Settings, help_of

OLDER = ("REDIS_URL", "RQ_QUEUE_NAME", "RQ_DEFAULT_TIMEOUT", "RQ_KEY_PREFIX")


@pytest.fixture(autouse=True)
def _no_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in OLDER:
        monkeypatch.delenv(name, raising=False)


def test_nothing_set_gives_the_defaults() -> None:
    settings = Settings.load()

    assert settings.redis_url == "redis://127.0.0.1:6379/0"
    assert settings.default_timeout_seconds == 180
    assert settings.lease_seconds == 30
    assert settings.keys.prefix == "rq"


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("JOBYARD_REDIS_URL", "redis://a/1", "redis_url", "redis://a/1"),
        ("REDIS_URL", "redis://b/1", "redis_url", "redis://b/1"),
        ("RQ_QUEUE_NAME", "older", "default_queue", "older"),
        ("JOBYARD_DEFAULT_QUEUE", "newer", "default_queue", "newer"),
        ("RQ_DEFAULT_TIMEOUT", "9", "default_timeout_seconds", 9),
        ("RQ_KEY_PREFIX", "other", "key_prefix", "other"),
        ("JOBYARD_TASK_MODULES", "a.b, c,", "task_modules", ("a.b", "c")),
        ("JOBYARD_LOG_LEVEL", "DEBUG", "log_level", "debug"),
    ],
)
def test_a_variable_is_read(
    variable: str, value: str, field: str, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    assert getattr(Settings.load(), field) == expected


def test_our_name_wins_over_an_older_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://older/0")
    monkeypatch.setenv("JOBYARD_REDIS_URL", "redis://newer/0")

    assert Settings.load().redis_url == "redis://newer/0"


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("JOBYARD_DEFAULT_QUEUE=file\nJOBYARD_LEASE_SECONDS=7\n")
    monkeypatch.setenv("JOBYARD_DEFAULT_QUEUE", "environment")

    settings = Settings.load()

    assert (settings.default_queue, settings.lease_seconds) == ("environment", 7)


def test_an_override_wins_over_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBYARD_DEFAULT_QUEUE", "environment")

    assert Settings.load(default_queue="mine").default_queue == "mine"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("JOBYARD_LEASE_SECONDS", "soon"),
        ("JOBYARD_LEASE_SECONDS", "0"),
        ("JOBYARD_DEFAULT_TIMEOUT_SECONDS", "-1"),
        ("JOBYARD_DEFAULT_QUEUE", "a:b"),
        ("JOBYARD_LOG_FORMAT", "xml"),
        ("RQ_KEY_PREFIX", "a b"),
    ],
)
def test_a_wrong_value_is_named_by_its_variable(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigurationError, match=variable):
        Settings.load()


def test_the_help_of_a_command_names_every_setting() -> None:
    shown = help_of(Settings)

    for field in Settings.model_fields.values():
        assert isinstance(field.validation_alias, AliasChoices)
        assert str(field.validation_alias.choices[0]).upper() in shown
    assert "[redis://127.0.0.1:6379/0]" in shown
    assert "None" not in shown
