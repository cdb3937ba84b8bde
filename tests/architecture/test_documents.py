"""The documents name what there is: keys, public names, links, and tests behind promises."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import jobyard
from chaos.faults import FAULTS
from jobyard.keys import Keys
from jobyard.observability.metrics import ALL, LABELS
from jobyard.observability.reference import page_with_tables
from support.guide import blocks_of

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
SCRIPTS = sorted((ROOT / "shared/src/jobyard/store/lua").glob("*.lua"))
GUARANTEES = (ROOT / "docs/guarantees.md").read_text()
METRICS = (ROOT / "docs/metrics.md").read_text()
PROOF = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
SCENARIO = re.compile(r"chaos: `([^`]+)`")
GENERAL = {"registry", "yard"}
"""Functions that make several keys."""


def documented_kinds() -> set[str]:
    """The keys of the table with their parts cut off: ``rq:yard:held:<worker>`` → ``yard:held``."""
    table = ARCHITECTURE.partition("## Keys")[2].partition("\n## ")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    keys = [key for cell in cells for key in re.findall(r"`rq:([^`]+)`", cell)]
    return {re.sub(r":?<.*", "", key).rstrip(":") for key in keys}


def test_every_key_function_has_a_row_in_the_table() -> None:
    made = {
        function(*("<x>" for _ in inspect.signature(function).parameters))
        for name, function in inspect.getmembers(Keys("rq"), inspect.ismethod)
        if not name.startswith("_") and name not in GENERAL
    }

    kinds = {re.sub(r":?<.*", "", key.removeprefix("rq:")) for key in made}
    assert kinds <= documented_kinds()


def test_every_key_of_the_scripts_has_a_row_and_a_function() -> None:
    text = "\n".join(script.read_text() for script in SCRIPTS)
    names = set(re.findall(r"yard\('(\w+)'", text))

    functions = (ROOT / "shared/src/jobyard/keys.py").read_text()
    assert {name for name in names if f'self.yard("{name}"' not in functions} == set()
    documented = {kind.split(":")[1] for kind in documented_kinds() if kind.startswith("yard:")}
    assert names <= documented


def test_the_tables_of_metrics_are_what_the_code_says() -> None:
    assert page_with_tables(METRICS) == METRICS, "run: make reference"


def test_every_metric_is_in_a_table_and_every_label_is_explained() -> None:
    assert set(re.findall(r"^\| `(jobyard_\w+)`", METRICS, re.MULTILINE)) == {
        metric.name for metric in ALL
    }
    assert {label for metric in ALL for label in metric.labels} == LABELS.keys()


@pytest.mark.parametrize("name", jobyard.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    assert f"`{name}" in (ROOT / "docs/tasks.md").read_text()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
    files = [link for link in links if "://" not in link]

    assert [link for link in files if not (document.parent / link).exists()] == []


def promises() -> list[str]:
    """The rows of the tables of promises, without their heads."""
    rows = [line for line in GUARANTEES.splitlines() if line.startswith("| ")]
    return [row for row in rows if not row.startswith(("| promised", "| setting", "| no append"))]


@pytest.mark.parametrize("promise", promises())
def test_every_promise_has_a_proof(promise: str) -> None:
    assert PROOF.search(promise) or SCENARIO.search(promise)


@pytest.mark.parametrize("file", sorted({file for file, _ in PROOF.findall(GUARANTEES)}))
def test_every_proof_of_a_promise_exists(file: str) -> None:
    tree = ast.parse((ROOT / "tests" / file).read_text())
    there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

    assert {test for where, test in PROOF.findall(GUARANTEES) if where == file} <= there


def test_every_scenario_that_is_named_as_a_proof_exists() -> None:
    assert set(SCENARIO.findall(GUARANTEES)) <= FAULTS.keys()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_target_of_make_that_is_named_exists(document: Path) -> None:
    targets = re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    lines = "".join(block.text for block in blocks_of(document))
    named = [
        *re.findall(r"`make ([a-z][a-z0-9-]*)", document.read_text()),
        *re.findall(r"^make ([a-z][a-z0-9-]*)", lines, re.MULTILINE),
    ]

    assert set(named) - set(targets) == set()
