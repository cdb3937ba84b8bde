"""Writes values.schema.json and the table of values in README.md from the comments of values.yaml.

Run by ``make chart``; a test compares what is committed with what this makes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

CHART = Path(__file__).parent / "jobyard"
MARKER = "<!-- What follows is generated from values.yaml by `make chart`. -->"

_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_POOL = "poolDefaults"
_ENV = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "value": {"type": "string"},
            "valueFrom": {"type": "object"},
        },
        "required": ["name"],
        "additionalProperties": False,
    },
}
_OBJECTS = {"type": "array", "items": {"type": "object"}}


@dataclass(frozen=True, slots=True)
class Value:
    """One key of values.yaml: where it stands, what its comment says, what its default is."""

    path: str
    description: str
    schema: dict[str, Any]
    node: yaml.Node

    @property
    def default(self) -> Any:
        """The default, as data."""
        return yaml.SafeLoader("").construct_object(self.node, deep=True)

    @property
    def is_leaf(self) -> bool:
        """Whether it is one setting: a map whose keys are the user's own is one too."""
        mapped = isinstance(self.node, yaml.MappingNode) and bool(self.node.value)
        return not mapped or "additionalProperties" in self.schema


def main() -> None:
    """Writes both files."""
    text = (CHART / "values.yaml").read_text()
    (CHART / "values.schema.json").write_text(schema_of(text))
    readme = CHART / "README.md"
    readme.write_text(with_table(readme.read_text(), text))


def schema_of(text: str) -> str:
    """The JSON schema of values.yaml: every key known, every misspelt one refused."""
    children = list(children_of(_root(text), text.splitlines(), ""))
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Generated from values.yaml by `make chart`.",
        **_object(children, text.splitlines()),
        "$defs": {
            "env": _ENV,
            "objects": _OBJECTS,
            "pool": _pool(children, text.splitlines()),
        },
    }
    return json.dumps(schema, indent=2) + "\n"


def with_table(readme: str, text: str) -> str:
    """The README with the table of all values behind its marker."""
    head, marker, _ = readme.partition(MARKER)
    assert marker, f"README.md has no line {MARKER!r}"
    return f"{head}{MARKER}\n\n{table_of(text)}"


def table_of(text: str) -> str:
    """All settings of values.yaml with their defaults, as a table."""
    rows = [
        f"| `{leaf.path}` | {_shown(leaf.default)} | {leaf.description} |"
        for leaf in leaves_of(text)
    ]
    return "\n".join(["| key | default | |", "|---|---|---|", *rows, ""])


def leaves_of(text: str) -> Iterator[Value]:
    """All settings of values.yaml, from top to bottom."""
    yield from _leaves(_root(text), text.splitlines(), "")


def children_of(node: yaml.MappingNode, lines: list[str], prefix: str) -> Iterator[Value]:
    """The keys of one map, with their comments."""
    for key, value in node.value:
        path = f"{prefix}.{key.value}" if prefix else str(key.value)
        description, schema = _comment(lines, key.start_mark.line)
        yield Value(path, description, schema, value)


def _leaves(node: yaml.MappingNode, lines: list[str], prefix: str) -> Iterator[Value]:
    for child in children_of(node, lines, prefix):
        if child.is_leaf:
            assert child.description, f"{child.path} has no comment that begins with '# -- '"
            yield child
        else:
            assert isinstance(child.node, yaml.MappingNode)
            yield from _leaves(child.node, lines, child.path)


def _comment(lines: list[str], at: int) -> tuple[str, dict[str, Any]]:
    """The description and the ``@schema`` right above a line."""
    above: list[str] = []
    while at > 0 and lines[at - 1].lstrip().startswith("# "):
        at -= 1
        above.insert(0, lines[at].lstrip().removeprefix("# "))
    said = " ".join(each for each in above if not each.startswith("@schema"))
    schemas = [each.removeprefix("@schema ") for each in above if each.startswith("@schema")]
    merged = {key: value for each in schemas for key, value in json.loads(each).items()}
    return said.partition("-- ")[2], merged


def _object(children: list[Value], lines: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {child.path.rpartition(".")[2]: _schema(child, lines) for child in children},
    }


def _schema(value: Value, lines: list[str]) -> dict[str, Any]:
    said = {"description": value.description} if value.description else {}
    if "$ref" in value.schema:
        return {**said, **value.schema}
    if not value.is_leaf:
        assert isinstance(value.node, yaml.MappingNode)
        return {**said, **_object(list(children_of(value.node, lines, value.path)), lines)}
    return {**said, "type": _type(value.node), **value.schema}


def _pool(children: list[Value], lines: list[str]) -> dict[str, Any]:
    defaults = next(child for child in children if child.path == _POOL)
    return {**_schema(defaults, lines), "type": ["object", "null"]}


def _type(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "object"
    if isinstance(node, yaml.SequenceNode):
        return "array"
    return _TYPES[node.tag.rpartition(":")[2]]


def _root(text: str) -> yaml.MappingNode:
    root = yaml.compose(text, yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    return root


def _shown(default: Any) -> str:
    return f"`{json.dumps(default)}`" if default not in ("", None) else ""


if __name__ == "__main__":
    main()
