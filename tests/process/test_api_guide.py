"""Each line of ``docs/api.md`` does what stands below it, from top to bottom."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.rest import Rest

if TYPE_CHECKING:
    from support.processes import Services

GUIDE = (Path(__file__).resolve().parents[2] / "docs/api.md").read_text("utf-8")
EXAMPLE = re.compile(r"^```sh\n(.*?)^```\n\n```(json|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"
WHATEVER = "…"
END = "--- end of an answer ---"


def fits(shown: Any, found: Any) -> bool:
    """Whether what a page shows is part of what was found."""
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


def test_each_line_of_the_guide_does_what_it_says(services: Services) -> None:
    examples = EXAMPLE.findall(GUIDE)
    assert len(examples) == GUIDE.count("```sh")
    services.start("jobyard-scheduler")
    services.start("jobyard-worker")

    with Rest(services) as api:
        api.wait_for_task("sleep")
        script = "".join(f"{command}echo; echo '{END}'\n" for command, _, _ in examples)
        here = script.replace(ADDRESS, f"http://127.0.0.1:{api.port}")
        done = subprocess.run(
            ["bash", "-euc", here], check=False, capture_output=True, text=True, timeout=120
        )

    assert done.returncode == 0, done.stderr
    answers = done.stdout.split(f"{END}\n")[:-1]
    for (command, kind, shown), answer in zip(examples, answers, strict=True):
        if kind == "text":
            assert answer.split() == shown.split(), command
        else:
            assert fits(json.loads(shown), json.loads(answer)), f"{command}\n{answer}"
