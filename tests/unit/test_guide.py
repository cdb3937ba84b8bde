"""What a page may show of an answer, and what it may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.guide import Block, Shell, blocks_of, check_shown

if TYPE_CHECKING:
    from pathlib import Path

ANSWER = '{"id": "01a2", "state": "queued", "tags": ["a", "b"], "payload": {"a": 2}}'


@pytest.mark.parametrize(
    ("language", "text", "answer"),
    [
        ("json", '{"id": "…", "payload": {"a": 2}}', ANSWER),
        ("json", '{"tags": ["a"], "…": "…"}', ANSWER),
        ("text", "201\n200\n", "201\n200"),
        ("text", "…  succeeded  5", "01a2  queued\n01a2  succeeded  5\n"),
    ],
)
def test_a_page_may_leave_out_what_it_marks(language: str, text: str, answer: str) -> None:
    check_shown(Block(language, "", text), answer)


@pytest.mark.parametrize(
    ("language", "text", "answer"),
    [
        ("json", '{"state": "running"}', ANSWER),
        ("json", '{"result": null}', ANSWER),
        ("json", '{"tags": ["b"]}', ANSWER),
        ("text", "201\n201\n", "201\n200"),
        ("text", "succeeded  5", "01a2  succeeded  5"),
        ("text", "… 5", "01a2  succeeded  55"),
    ],
)
def test_what_is_not_so_is_found(language: str, text: str, answer: str) -> None:
    with pytest.raises(AssertionError, match="the page shows"):
        check_shown(Block(language, "", text), answer)


def test_a_page_is_read_as_its_blocks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text('a\n```python title="b.py"\nc\n```\n\n```\nd\n```\ne\n')

    assert blocks_of(page) == [Block("python", "b.py", "c\n"), Block("", "", "d\n")]


def test_a_shell_keeps_what_it_was_told_and_says_what_fails(tmp_path: Path) -> None:
    with Shell(tmp_path, {"PATH": "/usr/bin:/bin"}) as shell:
        shell.run("A=1\n")

        assert shell.run('printf "$A"\n').strip() == "1"
        with pytest.raises(AssertionError, match="no such thing"):
            shell.run("echo no such thing; false\n")
