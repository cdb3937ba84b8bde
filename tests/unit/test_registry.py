"""Finding tasks by name, and the modules that declare them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobyard.errors import ConfigurationError, UnknownTaskError
from jobyard.registry import Registry, discover
from jobyard.task import separate_declarations

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILT_IN = [
    "add", "echo", "fail", "heavy_compute", "notification", "random_number",
    "schedule_appointment", "send_email", "send_fake_email", "sleep",
]  # fmt: skip

discover()  # before the declarations are kept apart: a module declares its tasks only once

TASK = "from jobyard import task\n@task\ndef {name}() -> None: ...\n"


@pytest.fixture(autouse=True)
def _separate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    with separate_declarations():
        yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_the_built_in_tasks_are_found_by_themselves() -> None:
    names = [task.name for task in discover().tasks()]

    assert [name for name in names if name in BUILT_IN] == BUILT_IN


def test_a_task_is_got_by_its_name() -> None:
    assert discover().get("add").function(a=1, b=2) == 3


def test_an_unknown_name_brings_the_nearest_ones() -> None:
    with pytest.raises(UnknownTaskError, match="Did you mean") as caught:
        discover().get("send_emial")

    assert "send_email" in caught.value.nearest


def test_a_registry_of_given_tasks_has_only_those() -> None:
    add = discover().get("add")

    assert Registry({"add": add}).tasks() == [add]


def test_a_module_in_the_working_directory_is_found() -> None:
    Path("module_of_mine.py").write_text(TASK.format(name="of_mine"))

    assert discover(["module_of_mine"]).get("of_mine")


def test_a_package_is_walked_but_its_main_is_not_run() -> None:
    package = Path("package_of_mine")
    (package / "deep").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("raise SystemExit(3)")
    (package / "deep" / "__init__.py").touch()
    (package / "deep" / "down.py").write_text(TASK.format(name="deep_down"))

    assert discover(["package_of_mine"]).get("deep_down")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import nothing_like_this", "ModuleNotFoundError"),
        ("1 / 0", "ZeroDivisionError"),
        ("def f(:", "SyntaxError"),
        ("from jobyard import task\n@task\ndef f(a): ...", "annotate it"),
        (TASK.format(name="add"), "declared twice"),
    ],
)
def test_a_module_that_fails_to_import_is_named(source: str, says: str) -> None:
    Path("broken_module.py").write_text(source)

    with pytest.raises(ConfigurationError, match=f"'broken_module'.*{says}"):
        discover(["broken_module"])


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"'no_such_module'.*JOBYARD_TASK_MODULES"):
        discover(["no_such_module"])
