"""Every code is raised somewhere, has its page, and stands in the OpenAPI document."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from typing_extensions import override

import jobyard_api
from jobyard_api.problem_types import PROBLEM_TYPES, Code

PACKAGE = Path(jobyard_api.__file__).parent
DOCS = Path(__file__).resolve().parents[2] / "docs"
DOCUMENT = json.loads((DOCS / "openapi.json").read_text("utf-8"))
OUTSIDE = {
    Code.PATH_NOT_FOUND,
    Code.METHOD_NOT_ALLOWED,
    Code.BAD_REQUEST,
    Code.URL_TOO_LONG,
    Code.HEADERS_TOO_LARGE,
}
"""Answers to requests that reach no operation."""

IN_BATCHES = {Code.WITHHELD}
"""Problems of single jobs of a batch, whose own answer is 207."""


class Raised(ast.NodeVisitor):
    """Codes that a module names where it does not only document them."""

    def __init__(self) -> None:
        self.codes: set[Code] = set()

    @override
    def visit_Call(self, node: ast.Call) -> None:
        if not (isinstance(node.func, ast.Name) and node.func.id == "documented"):
            self.generic_visit(node)

    @override
    def visit_Assign(self, node: ast.Assign) -> None:
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if not any(name.endswith("_CODES") and name != "_STATUS_CODES" for name in names):
            self.generic_visit(node)

    @override
    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.name != "documented":
            self.generic_visit(node)

    @override
    def visit_Compare(self, node: ast.Compare) -> None:
        """What is only compared with is not raised there."""

    @override
    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name) and node.value.id == "Code":
            self.codes.add(Code[node.attr])


def raised() -> set[Code]:
    visitor = Raised()
    for path in PACKAGE.rglob("*.py"):
        if path.name != "problem_types.py":
            visitor.visit(ast.parse(path.read_text("utf-8")))
    return visitor.codes


def documented() -> set[Code]:
    descriptions = " ".join(
        response["description"]
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        for status, response in operation["responses"].items()
        if status >= "400"
    )
    return {Code(code) for code in re.findall(r"`([a-z-]+)`", descriptions)}


def test_every_code_is_raised_and_no_other() -> None:
    assert raised() == set(Code)


def test_every_code_that_an_operation_can_meet_is_documented() -> None:
    assert documented() == set(Code) - OUTSIDE - IN_BATCHES


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_page_that_says_what_to_do(code: Code) -> None:
    page = (DOCS / f"errors/{code}.md").read_text("utf-8")

    assert f"| code | `{code}` |" in page
    assert f"| status | {PROBLEM_TYPES[code].status} |" in page
    assert "## What to do" in page


def test_the_document_lists_all_codes() -> None:
    assert set(DOCUMENT["components"]["schemas"]["Code"]["enum"]) == set(Code)
