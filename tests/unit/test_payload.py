"""The payload of a task: its schema, and how it becomes arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel

from jobyard import ConfigurationError, Context, EmailAddress, InvalidPayloadError, Payload
from jobyard.payload import PayloadShape, shape_of

Thunk = Callable[[], int]


class User(Payload):
    email: str
    age: int | None = None


class Signup(Payload):
    user: User
    plan: str = "free"


class Loose(BaseModel):
    size: int = 1


class Tree(BaseModel):
    name: str
    below: list["Tree"] = []


class Lazy(Payload):
    later: Thunk


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class Rows(RootModel[list[int]]):
    pass


def even(number: int) -> int:
    if number % 2:
        raise ValueError("give an even number")
    return number


def plain(
    a: int,
    b: Annotated[int, Field(ge=0, description="not negative")] = 5,
    tags: list[str] = [],  # noqa: B006 - a copy is handed out, which is tested below
) -> None: ...


def empty() -> None: ...


def context_only(ctx: Context) -> None: ...


def anything(**payload: Any) -> None: ...


def untyped_rest(**rest) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN003


def some(ctx: Context, size: int, **rest: Any) -> None: ...


def signup(payload: Signup, ctx: Context) -> None: ...


def loose(loose: Loose) -> None: ...


def opened(payload: Open) -> None: ...


def tree(tree: Tree) -> None: ...


def odd_names(model_config: int, _x: date, self: str | None = None) -> None: ...


def shape(function: Callable[..., Any]) -> PayloadShape:
    return shape_of(function, "t")


def problems_of(function: Callable[..., Any], payload: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidPayloadError) as caught:
        shape(function).bind(payload)
    return caught.value.problems


def pointers_of(function: Callable[..., Any], payload: dict[str, Any]) -> list[str]:
    return [pointer for pointer, _ in problems_of(function, payload)]


def test_the_schema_of_plain_parameters_says_what_is_required_and_what_is_default() -> None:
    schema = shape(plain).schema

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert (schema["title"], schema["type"]) == ("t", "object")
    assert schema["required"] == ["a"]
    assert schema["properties"]["b"]["default"] == 5
    assert schema["properties"]["b"]["description"] == "not negative"
    assert schema["additionalProperties"] is False


def test_the_schema_of_a_model_has_its_fields_and_not_the_context() -> None:
    schema = shape(signup).schema

    assert set(schema["properties"]) == {"user", "plan"}
    assert schema["required"] == ["user"]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    "function", [plain, empty, context_only, anything, some, signup, loose, tree, opened, odd_names]
)
def test_every_schema_is_valid_2020_12(function: Callable[..., Any]) -> None:
    schema = shape(function).schema

    assert jsonschema_rs.meta.is_valid(schema)
    assert schema["title"] == "t"


def test_defaults_are_filled_in() -> None:
    assert shape(plain).bind({"a": 1}) == {"a": 1, "b": 5, "tags": []}


def test_values_are_coerced_to_the_declared_types() -> None:
    bound = shape(odd_names).bind({"model_config": "3", "_x": "2024-02-29"})

    assert bound == {"model_config": 3, "_x": date(2024, 2, 29), "self": None}


def test_a_default_list_is_not_shared_between_jobs() -> None:
    plain_shape = shape(plain)

    plain_shape.bind({"a": 1})["tags"].append("mine")

    assert plain_shape.bind({"a": 1})["tags"] == []


def test_a_callable_that_is_no_function_has_a_payload_too() -> None:
    def halve(number: int) -> None: ...

    assert shape(functools.partial(halve)).bind({"number": "2"}) == {"number": 2}


def test_a_model_is_handed_over_whole() -> None:
    bound = shape(signup).bind({"user": {"email": "a@b.c"}})

    assert bound == {"payload": Signup(user=User(email="a@b.c"))}


def test_the_context_is_not_part_of_the_payload() -> None:
    assert shape(signup).context_parameter == "ctx"
    assert shape(plain).context_parameter is None
    assert pointers_of(context_only, {"ctx": 1}) == ["/ctx"]


def test_open_parameters_take_any_key() -> None:
    assert shape(anything).bind({"x": [1], "y": None}) == {"x": [1], "y": None}
    assert shape(some).bind({"size": 1, "y": None}) == {"size": 1, "y": None}
    assert shape(untyped_rest).bind({"x": 1}) == {"x": 1}
    assert shape(anything).schema["additionalProperties"] is True
    assert "propertyNames" not in shape(anything).schema


def test_the_typed_ones_beside_open_parameters_are_checked() -> None:
    assert pointers_of(some, {"size": "large", "y": None}) == ["/size"]


def test_open_parameters_do_not_take_the_name_of_the_context() -> None:
    assert pointers_of(some, {"size": 1, "ctx": 2}) == ["/ctx"]
    assert not jsonschema_rs.is_valid(shape(some).schema, {"size": 1, "ctx": 2})


def test_a_plain_pydantic_model_refuses_unknown_fields_too() -> None:
    assert pointers_of(loose, {"sise": 1}) == ["/sise"]
    assert shape(loose).schema["additionalProperties"] is False


def test_a_plain_pydantic_model_takes_its_fields() -> None:
    assert shape(loose).bind({"size": 2}) == {"loose": Loose(size=2)}
    assert shape(loose).bind({}) == {"loose": Loose(size=1)}


def test_a_model_that_contains_itself_takes_its_fields_and_no_others() -> None:
    payload = {"name": "a", "below": [{"name": "b"}]}
    other = {"name": "a", "age": 1}

    assert shape(tree).bind(payload) == {"tree": Tree(name="a", below=[Tree(name="b")])}
    assert jsonschema_rs.is_valid(shape(tree).schema, payload)
    assert pointers_of(tree, other) == ["/age"]
    assert not jsonschema_rs.is_valid(shape(tree).schema, other)


def test_a_model_that_allows_more_takes_more() -> None:
    bound = shape(opened).bind({"more": 1})

    assert bound["payload"].more == 1


@pytest.mark.parametrize(
    ("function", "payload", "expected"),
    [
        (plain, {}, ["/a"]),
        (plain, {"a": "x", "b": -1}, ["/a", "/b"]),
        (plain, {"a": 1, "tags": ["x", 2]}, ["/tags/1"]),
        (plain, {"a": 1, "c": 2}, ["/c"]),
        (plain, {"a": 1, "x/y~z": 2}, ["/x~1y~0z"]),
        (signup, {"user": {}}, ["/user/email"]),
        (signup, {"user": {"email": 1}}, ["/user/email"]),
        (signup, {"user": {"email": "e", "no": 1}}, ["/user/no"]),
        (empty, {"a": 1}, ["/a"]),
    ],
)
def test_a_problem_points_to_its_place(
    function: Callable[..., Any], payload: dict[str, Any], expected: list[str]
) -> None:
    assert pointers_of(function, payload) == expected


@pytest.mark.parametrize("function", [loose, empty, some])
def test_a_key_that_nobody_knows_is_refused_in_the_name_of_the_task(
    function: Callable[..., Any],
) -> None:
    with pytest.raises(InvalidPayloadError, match="'t'") as caught:
        shape(function).bind({"size": 1, "ctx": 1} if function is some else {"no": 1})

    assert [message for _, message in caught.value.problems] == ["Extra inputs are not permitted"]


def test_an_index_that_the_payload_lacks_is_pointed_at() -> None:
    def pair(x: tuple[int, int]) -> None: ...

    assert pointers_of(pair, {"x": [1]}) == ["/x/1"]


def test_a_list_is_no_place_for_the_name_of_a_union_s_member() -> None:
    def either(x: list[int] | User) -> None: ...

    assert set(pointers_of(either, {"x": ["no"]})) == {"/x", "/x/0"}


def test_a_validator_of_a_task_author_speaks_for_itself() -> None:
    def halve(number: Annotated[int, AfterValidator(even)]) -> None: ...

    assert problems_of(halve, {"number": 3}) == [("/number", "give an even number")]


def test_members_of_a_union_are_not_steps_of_a_pointer() -> None:
    def either(x: int | User) -> None: ...

    assert set(pointers_of(either, {"x": {"age": 1}})) == {"/x", "/x/email"}


def test_a_problem_does_not_repeat_the_value() -> None:
    (problem,) = problems_of(plain, {"a": "secret"})

    assert "secret" not in problem[1]


@pytest.mark.parametrize("address", ["a@example.com", "first.last+tag@mail.example.org"])
def test_addresses_are_taken(address: str) -> None:
    def send(to: EmailAddress) -> None: ...

    assert shape(send).bind({"to": address}) == {"to": address}


@pytest.mark.parametrize(
    "address", ["", "a", "a@b", "@b.c", "a@b.c\nBcc: d@e.f", "a@b.c\n", "a b@c.d", "a@@b.c"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    def send(to: EmailAddress) -> None: ...

    assert pointers_of(send, {"to": address}) == ["/to"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
near_misses = st.fixed_dictionaries(
    {},
    optional={
        "user": st.fixed_dictionaries({}, optional={"email": json_values, "age": json_values}),
        "plan": json_values,
        "a": json_values,
        "b": json_values,
        "tags": st.lists(st.text(max_size=3), max_size=3) | json_values,
    },
)


@given(near_misses, st.sampled_from([plain, signup, empty, anything]))
def test_what_the_schema_lets_pass_can_be_bound(
    payload: dict[str, Any], function: Callable[..., Any]
) -> None:
    checked = shape(function)

    if jsonschema_rs.is_valid(checked.schema, payload):
        checked.bind(payload)


@given(near_misses, st.sampled_from([plain, signup, empty]))
def test_every_pointer_resolves_or_names_a_missing_key(
    payload: dict[str, Any], function: Callable[..., Any]
) -> None:
    try:
        shape(function).bind(payload)
    except InvalidPayloadError as error:
        for pointer, message in error.problems:
            assert message == "Field required" or resolves(pointer, payload)


def resolves(pointer: str, value: Any) -> bool:
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        value = value[int(name) if isinstance(value, list) else name]
    return True


def untyped(a) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001


def positional(*a: int) -> None: ...


def positional_only(a: int, /) -> None: ...


def two_models(a: User, b: Loose) -> None: ...


def model_and_more(a: User, b: int) -> None: ...


def default_model(a: Loose = Loose()) -> None: ...  # noqa: B008


def root_model(a: Rows) -> None: ...


def two_contexts(a: Context, b: Context) -> None: ...


def typed_rest(**rest: int) -> None: ...


def object_default(a: Any = object()) -> None: ...  # noqa: B008


def nan_default(a: float = float("nan")) -> None: ...


def surrogate_default(a: str = "\ud800") -> None: ...


def no_schema(a: Thunk) -> None: ...


def model_without_schema(a: Lazy) -> None: ...


def unresolved(a: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821, UP037


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (untyped, "Task 't': parameter 'a' has no type: annotate it, as in a: str"),
        (positional, r"replace \*a by a typed list"),
        (positional_only, "'a' is positional only: remove the '/'"),
        (two_models, "'a', 'b': take either ONE pydantic model"),
        (model_and_more, "ONE pydantic model"),
        (default_model, "give defaults to the fields"),
        (root_model, "use fields"),
        (two_contexts, "keep one"),
        (typed_rest, "annotate it with Any"),
        (object_default, "the default of 'a' is <object .*JSON cannot carry"),
        (nan_default, "JSON cannot carry"),
        (surrogate_default, "JSON cannot carry"),
        (no_schema, "no JSON Schema"),
        (model_without_schema, "Task 't': its payload has no JSON Schema"),
        (unresolved, "Import it at the top"),
    ],
)
def test_a_signature_that_cannot_work_is_refused_with_advice(
    function: Callable[..., Any], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        shape(function)


def test_a_type_that_pydantic_does_not_know_is_refused_with_advice() -> None:
    class Foreign:
        pass

    def foreign(a: Any) -> None: ...

    foreign.__annotations__["a"] = Foreign

    with pytest.raises(ConfigurationError, match="not one of JSON"):
        shape(foreign)
