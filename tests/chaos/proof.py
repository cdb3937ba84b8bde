"""Switches each guard off in turn and shows who notices; one that nobody misses is a finding."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.guards import GUARDS, shadow
from support.processes import TESTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.guards import Guard

_PATIENCE_SECONDS = 20
_RED = 1
"""How pytest, and this harness, end when something was noticed; anything else is an error."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Who noticed that a guard was off, and in what words; '' for nobody."""

    guard: str
    witness: str = ""
    words: str = ""


def prove(only: str, say: Callable[[str], None]) -> int:
    """Prints a table of guards and witnesses; 0 when every guard was missed by one."""
    findings = []
    for guard in GUARDS:
        if only in guard.name:
            say(f"without: {guard.name}")
            findings.append(_without(guard))
            say(f"  {findings[-1].witness or 'NOBODY NOTICED'}: {findings[-1].words}")
    rows = [f"| {it.guard} | {it.witness or '**nobody**'} | {it.words} |" for it in findings]
    head = "| guard that was off | noticed by | which saw |\n| --- | --- | --- |"
    missed = sum(bool(it.witness) for it in findings)
    sys.stdout.write("\n".join((head, *rows, "", f"{missed} of {len(findings)} noticed\n")))
    return 0 if findings and missed == len(findings) else 1


def _without(guard: Guard) -> Finding:
    with tempfile.TemporaryDirectory(prefix="chaos-shadow-") as directory:
        shadow(guard, Path(directory))
        for witness in guard.witnesses:
            words = _ask(witness, directory)
            if words:
                return Finding(guard.name, witness, words)
    return Finding(guard.name)


def _ask(witness: str, directory: str) -> str:
    """What ``witness`` says when it runs on the packages in ``directory``; '' when it is content.

    Raises:
        RuntimeError: It could not be run.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((directory, str(TESTS))),
        "JOBYARD_CHAOS_SHADOW": directory,
        "JOBYARD_CHAOS_PATIENCE": str(_PATIENCE_SECONDS),
    }
    done = subprocess.run(
        _command(witness), env=environment, cwd=TESTS.parent, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode not in (0, _RED):
        raise RuntimeError(f"{witness} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return _words(done.stdout) if done.returncode == _RED else ""


def _command(witness: str) -> list[str]:
    if witness.startswith("tests/"):
        options = ["-x", "-q", "--engine", "valkey", "-p", "no:cacheprovider", "--no-header"]
        return [sys.executable, "-m", "pytest", *options, witness]
    return [sys.executable, "-m", "chaos", "--executor", "thread", "--only", f"={witness}"]


def _words(output: str) -> str:
    """The first line that says what went wrong."""
    lines = output.splitlines()
    marks = ("FAILED ", "E  ", "ERROR ")
    red = [line for line in lines if line.startswith(marks)] or [
        line for line in lines if line and not line.startswith(("|", "seed "))
    ]
    named = [line for line in red if line.startswith("FAILED ")]
    line = (named or red or ["red"])[0].removeprefix("FAILED ").strip()
    return " ".join(line.split())[:180].replace("|", "/")
