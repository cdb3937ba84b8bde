"""A page that a reader follows with a shell: its blocks, and whether what it shows is so."""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WHATEVER = "…"
"""What a page shows for anything at all."""

_BLOCK = re.compile(
    r"^```(?P<language>\w*)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page; ``title`` is the name of a file that the reader writes."""

    language: str
    title: str
    text: str


def blocks_of(page: Path) -> list[Block]:
    """All blocks of a page, from top to bottom."""
    found = _BLOCK.finditer(page.read_text("utf-8"))
    return [Block(each["language"], each["title"] or "", each["text"]) for each in found]


def check_shown(shown: Block, answer: str) -> None:
    """What a page shows below a command is what the command wrote.

    Raises:
        AssertionError: It is not; shows both.
    """
    if shown.language == "json":
        fit = fits(json.loads(shown.text), json.loads(answer))
    else:
        fit = bool(_pattern(shown.text).fullmatch(answer.strip()))
    assert fit, f"the page shows\n{shown.text}\nand this came\n{answer}"


def fits(shown: Any, found: Any) -> bool:
    """Whether JSON that a page shows is part of what was found."""
    if shown == WHATEVER:
        return True
    if isinstance(shown, dict):
        keys = shown.keys() - {WHATEVER}
        return isinstance(found, dict) and all(
            key in found and fits(shown[key], found[key]) for key in keys
        )
    if isinstance(shown, list):
        return isinstance(found, list) and len(shown) <= len(found) and all(map(fits, shown, found))
    return bool(shown == found)


def _pattern(text: str) -> re.Pattern[str]:
    """Any white space does for white space, anything for an ellipsis."""
    words = (re.escape(word).replace(WHATEVER, ".*") for word in text.split())
    return re.compile(r"\s+".join(words), re.DOTALL)


class Shell:
    """A terminal: one bash that runs one block after the other. A context manager."""

    def __init__(self, directory: Path, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env=dict(env),
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, commands: str) -> str:
        """What the commands write.

        Raises:
            AssertionError: The last of them failed.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        mark = uuid.uuid4().hex
        stdin.write(f"{{ {commands}\n}} </dev/null; printf '\\n{mark} %s\\n' $?\n")
        stdin.flush()
        lines = []
        for line in stdout:
            if line.startswith(mark):
                break
            lines.append(line)
        answer = "".join(lines)
        assert line == f"{mark} 0\n", f"{commands}\n{answer}"
        return answer
