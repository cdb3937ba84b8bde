"""A copy of the product in which mutmut breaks it, so that the product itself stays whole."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mutants.mutant import Mutant

if TYPE_CHECKING:
    from mutants.subjects import Subject

ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("shared", "services/api", "services/worker", "services/scheduler", "cli")
_BESIDE = ("docs", "helm", "loadtest")
_MUTMUT = str(Path(sys.executable).with_name("mutmut"))
_ENDS = {0: "survived", 1: "killed", 3: "killed", 5: "untested", 33: "untested"}
"""By the exit code that mutmut keeps; any other is that of tests that took too long, or died."""


@dataclass(frozen=True)
class Workplace:
    """One subject's folder below ``.mutants``."""

    folder: Path

    @classmethod
    def made_for(cls, name: str, subject: Subject) -> Workplace:
        """The product as it is now. What was killed in it before and has not changed counts."""
        folder = ROOT / ".mutants" / name
        for package in _PACKAGES:
            shutil.copytree(ROOT / package / "src", folder / "src", dirs_exist_ok=True)
        for each in ("tests", *_BESIDE):
            if not (folder / each).exists():
                (folder / each).symlink_to(ROOT / each)
        settings = (ROOT / "pyproject.toml").read_text()
        (folder / "pyproject.toml").write_text(f"{settings}\n{_settings_of(subject)}")
        workplace = cls(folder)
        workplace._forget_survivors()
        (folder / "mutants/mutmut-stats.json").unlink(missing_ok=True)
        return workplace

    def run(self, endings: str = "") -> None:
        """Breaks it, and runs for each break the tests that come by there.

        Args:
            endings: Only those whose number ends with one of these digits; all where none is given.

        Raises:
            RuntimeError: The tests fail without any break.
        """
        log = self.folder / "mutmut.log"
        with log.open("w") as said:
            chosen = [f"*__mutmut_*[{endings}]"] if endings else []
            command = [_MUTMUT, "run", "--max-children", "2", *chosen]
            ended = subprocess.run(command, cwd=self.folder, stdout=said, stderr=said, check=False)
        if ended.returncode:
            raise RuntimeError(f"mutmut ended with {ended.returncode}: see {log}")

    def ends(self) -> Counter[str]:
        """How many mutants were killed, survived, were met by no test, or timed out."""
        return Counter(map(_end_of, self._codes().values()))

    def survivors(self) -> list[Mutant]:
        """Those that no test noticed."""
        unnoticed = ("survived", "untested")
        names = (name for name, code in self._codes().items() if _end_of(code) in unnoticed)
        return [Mutant.shown(name, self._diff(name)) for name in names]

    def _forget_survivors(self) -> None:
        for path in self._results():
            results = json.loads(path.read_text())
            codes = results["exit_code_by_key"]
            kept = {
                name: code if _end_of(code) == "killed" else None for name, code in codes.items()
            }
            path.write_text(json.dumps({**results, "exit_code_by_key": kept}))

    def _codes(self) -> dict[str, int]:
        """By name, of those that were tried."""
        found: dict[str, int | None] = {}
        for path in self._results():
            found |= json.loads(path.read_text())["exit_code_by_key"]
        return {name: code for name, code in found.items() if code is not None}

    def _results(self) -> list[Path]:
        return sorted(self.folder.glob("mutants/src/**/*.meta"))

    def _diff(self, name: str) -> str:
        command = [_MUTMUT, "show", name]
        return subprocess.check_output(command, cwd=self.folder, text=True)


def _end_of(code: int | None) -> str:
    return "untried" if code is None else _ENDS.get(code, "timeout")


def _settings_of(subject: Subject) -> str:
    tests = sorted(
        path.relative_to(ROOT).as_posix()
        for pattern in subject.tests
        for path in (ROOT / "tests").glob(pattern)
    )
    settings = {
        "source_paths": ["src"],
        "only_mutate": [f"src/{source}" for source in subject.sources],
        "do_not_mutate_patterns": [r"\bcast\("],  # is for type checkers only
        "also_copy": list(_BESIDE),
        "pytest_add_cli_args_test_selection": tests,
        "pytest_add_cli_args": ["-p", "no:xdist", "-p", "mutants.hurry", "--engine=valkey"],
    }
    lines = (f"{name} = {json.dumps(value)}" for name, value in settings.items())
    return "\n".join(("[tool.mutmut]", "use_git_change_detection = false", *lines, ""))
