"""Writes what is generated from the API's code into ``docs``: the OpenAPI document, error pages.

``make reference``. A test holds the committed files against it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jobyard_api.application import create_app
from jobyard_api.problem_types import PROBLEM_TYPES, page_of
from jobyard_api.settings import ApiSettings

if TYPE_CHECKING:
    from pathlib import Path

GENERATED = "<!-- Generated from jobyard_api/problem_types.py. Change it there. -->"

_INDEX = """\
# Errors

Every error of the API is a problem ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)). Its `code`
is one of these, its `type` leads to the page of it, which a running API shows at
`/docs/errors/<code>` too.

| status | code | |
|---|---|---|
"""


def generated_files() -> dict[str, str]:
    """Name and text of each generated file below ``docs``."""
    settings = ApiSettings.load(_env_file=None)
    reference = json.dumps(create_app(settings).openapi(), indent=2, ensure_ascii=False)
    pages = {
        f"errors/{kind.code}.md": f"{GENERATED}\n\n{page_of(kind)}"
        for kind in PROBLEM_TYPES.values()
    }
    return {"openapi.json": f"{reference}\n", "errors/README.md": _index(), **pages}


def _index() -> str:
    rows = (
        f"| {kind.status} | [`{kind.code}`]({kind.code}.md) | {kind.title} |"
        for kind in PROBLEM_TYPES.values()
    )
    return f"{GENERATED}\n\n{_INDEX}" + "\n".join((*rows, ""))


def write(folder: Path) -> None:
    """Writes the generated files and removes pages of codes that are gone."""
    files = generated_files()
    (folder / "errors").mkdir(parents=True, exist_ok=True)
    for stale in (folder / "errors").glob("*.md"):
        if f"errors/{stale.name}" not in files:
            stale.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
