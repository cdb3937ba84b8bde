"""One break: where it is, and the lines before and after it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from typing_extensions import override


@dataclass(frozen=True)
class Mutant:
    """``where`` as in ``jobyard.retry.RetryPolicy.covers``; the lines without their indentation."""

    where: str
    was: str
    now: str

    @classmethod
    def shown(cls, name: str, diff: str) -> Mutant:
        """From mutmut's name of it and its ``mutmut show``."""
        return cls(_where(name), _lines(diff, "-"), _lines(diff, "+"))

    @property
    def is_wording(self) -> bool:
        """Whether only words for people differ: their case, or an ``XX`` around them."""
        return " " in self.was.strip(" \"'") and _bare(self.was) == _bare(self.now)

    @override
    def __str__(self) -> str:
        return f"{self.where}\n  - {self.was}\n  + {self.now}"


def _where(name: str) -> str:
    """``jobyard.retry.xǁRetryPolicyǁcovers__mutmut_3`` and ``jobyard.queues.x_check_name__…``."""
    module, _, mangled = name.partition("__mutmut_")[0].rpartition(".")
    path = mangled.removeprefix("xǁ") if "ǁ" in mangled else mangled.removeprefix("x_")
    return f"{module}.{path.replace('ǁ', '.')}"


def _lines(diff: str, sign: str) -> str:
    lines = (line for line in diff.splitlines() if not line.startswith(("---", "+++")))
    return " ".join(line[1:].strip() for line in lines if line.startswith(sign))


def _bare(text: str) -> str:
    return re.sub("XX", "", text).casefold()
