"""A value that is misspelt or of a wrong type is refused; every value is known and used."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from support.chart import CHART, RefusedError, render
from support.chart_cases import CASES

if TYPE_CHECKING:
    from collections.abc import Iterator

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
TEMPLATES = "\n".join(
    path.read_text() for path in sorted((CHART / "templates").rglob("*")) if path.is_file()
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
FREE = {"global", "pools"}
"""Maps whose keys are the user's own, one level down in the defaults."""


def leaves(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every setting that the schema knows."""
    for name, child in schema["properties"].items():
        if "properties" in child:
            yield from leaves(child, (*path, name))
        else:
            yield (*path, name)


def maps(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every map whose keys are the chart's."""
    yield path
    for name, child in schema["properties"].items():
        if "properties" in child:
            yield from maps(child, (*path, name))


def nested(path: tuple[str, ...], value: object) -> Any:
    for name in reversed(path):
        value = {name: value}
    return value


LEAVES = list(leaves(SCHEMA))


def dotted(path: tuple[str, ...]) -> str:
    return ".".join(path)


@pytest.mark.parametrize("path", LEAVES, ids=dotted)
def test_a_wrong_type_is_refused_with_its_path(path: tuple[str, ...]) -> None:
    wrongs: tuple[Any, ...] = ({"a": {"b": []}}, ["a", 1], 1.5, "text", True)
    for wrong in wrongs:
        errors = list(VALIDATOR.iter_errors(nested(path, wrong)))
        if errors:
            assert all(tuple(error.absolute_path)[: len(path)] == path for error in errors)
            return
    pytest.fail(f"{dotted(path)} takes anything")


@pytest.mark.parametrize("path", list(maps(SCHEMA)), ids=dotted)
def test_a_misspelt_key_is_refused_with_its_path(path: tuple[str, ...]) -> None:
    [error] = VALIDATOR.iter_errors(nested(path, {"mispelt": 1}))

    assert tuple(error.absolute_path) == path
    assert "mispelt" in error.message


def test_pools_are_as_strict_as_their_defaults() -> None:
    for path in maps(SCHEMA["$defs"]["pool"]):
        [error] = VALIDATOR.iter_errors({"pools": {"x": nested(path, {"mispelt": 1})}})
        assert "mispelt" in error.message


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"api": {"replicacount": 2}}, "at '/api': additional properties 'replicacount'"),
        (
            {"pools": {"default": {"autoscaling": {"maxreplicas": 2}}}},
            "at '/pools/default/autoscaling': additional properties 'maxreplicas'",
        ),
        ({"scheduler": {"replicaCount": "2"}}, "at '/scheduler/replicaCount': got string"),
        ({"store": {"type": "redis"}}, "at '/store/type': value must be one of"),
    ],
)
def test_helm_says_where_it_is(values: dict[str, Any], said: str) -> None:
    with pytest.raises(RefusedError) as refused:
        render(values)

    assert said in str(refused.value)


@pytest.mark.parametrize("case", CASES)
def test_the_values_of_every_case_are_right(case: str) -> None:
    VALIDATOR.validate(CASES[case])


def test_the_defaults_are_right() -> None:
    VALIDATOR.validate(VALUES)


def used(path: tuple[str, ...]) -> bool:
    """Whether a template names the value; inside of ``with`` and of pools by its last part."""
    return any(
        re.search(rf"[.$]{re.escape('.'.join(path[start:]))}\b", TEMPLATES)
        for start in range(len(path))
    )


@pytest.mark.parametrize("path", LEAVES, ids=dotted)
def test_every_value_is_used_by_a_template(path: tuple[str, ...]) -> None:
    assert used(path) or path[0] in FREE


def test_every_value_that_a_template_names_is_known() -> None:
    known = {dotted(path[:end]) for path in LEAVES for end in range(1, len(path) + 1)}

    named = set(re.findall(r"\.Values\.([A-Za-z][\w.]*)", TEMPLATES))

    assert {name for name in named if name not in known} == set()
