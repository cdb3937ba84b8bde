"""Tests wait for what they need, never for a time: that is too long here and too short there."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
WORK = ("*_tasks.py", "rq_functions.py", "e2e/image/*.py")
"""What workers run: a job that takes its time."""
EXPERIMENTS = ("chaos/**/*.py",)
"""How long a fault lasts, and its random moment, are what is given there."""
SLOW_NETWORKS = ("support/proxy.py",)
SLEEPERS = {"time", "asyncio", "anyio", "gevent"}
FILES = sorted(TESTS.rglob("*.py"))


def test_no_test_sleeps_for_a_fixed_time() -> None:
    excused = {path for pattern in (*EXPERIMENTS, *SLOW_NETWORKS) for path in TESTS.glob(pattern)}
    excused |= {path for pattern in WORK for path in TESTS.rglob(pattern)}

    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in FILES
        if path not in excused
        for line in fixed_sleeps(path.read_text())
    ]

    assert not found, "wait for a condition: tests/support/waiting.py"


@pytest.mark.parametrize(
    "source",
    [
        "time.sleep(0.1)",
        "await asyncio.sleep(delay)",
        "sleep(1)",
        "threading.Event().wait(2)",
        "for _ in range(3):\n    time.sleep(1)",
    ],
)
def test_a_fixed_sleep_is_found(source: str) -> None:
    assert fixed_sleeps(inside_a_test(source))


@pytest.mark.parametrize(
    "source",
    [
        "while not done():\n    time.sleep(0.1)",
        "while True:\n    await asyncio.sleep(0.1)",
        "await asyncio.sleep(0)",
        "done.wait(10)",
        "context.sleep(60)",
    ],
)
def test_a_pause_between_two_looks_is_none(source: str) -> None:
    assert not fixed_sleeps(inside_a_test(source))


def inside_a_test(source: str) -> str:
    return f"async def test() -> None:\n{textwrap.indent(source, '    ')}"


def fixed_sleeps(source: str) -> list[int]:
    """Lines on which somebody sleeps who does not look again and again."""
    nodes = list(ast.walk(ast.parse(source)))
    looking = {inner for node in nodes if isinstance(node, ast.While) for inner in ast.walk(node)}
    return [
        node.lineno
        for node in nodes
        if isinstance(node, ast.Call) and node not in looking and sleeps(node)
    ]


def sleeps(call: ast.Call) -> bool:
    match call:
        case ast.Call(args=[ast.Constant(value=0)]):
            return False  # only lets others run
        case ast.Call(func=ast.Name(id="sleep")):
            return True
        case ast.Call(func=ast.Attribute(attr="sleep", value=ast.Name(id=module))):
            return module in SLEEPERS
        case ast.Call(func=ast.Attribute(attr="wait", value=ast.Call(func=made)), args=[_]):
            return ast.unparse(made).endswith("Event")  # one that nobody can set
        case _:
            return False
