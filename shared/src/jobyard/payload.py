"""The payload of a task: its JSON Schema, and how it becomes the function's arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any, cast, get_type_hints

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PydanticUserError,
    RootModel,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import (
    CoreSchema,
    ErrorDetails,
    core_schema,
    from_json,
    to_json,
)

from jobyard.context import Context
from jobyard.errors import ConfigurationError, InvalidPayloadError

DIALECT = "https://json-schema.org/draft/2020-12/schema"

EmailAddress = Annotated[
    str,
    Field(
        max_length=254,
        pattern=r"^[^@\s<>]+@[^@\s<>]+\.[^@\s<>.]+$",
        examples=["ada@example.com"],
    ),
]
"""Text with the shape of an e-mail address; whether it exists only sending can tell."""

_Bind = Callable[[dict[str, Any]], dict[str, Any]]


class Payload(BaseModel):
    """Base of payload models: fields that are not declared are refused."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class PayloadShape:
    """What a task takes.

    Attributes:
        task: The task's name.
        schema: JSON Schema (2020-12) of the payload, always an object.
        context_parameter: The parameter that is filled with the job's ``Context``, if any.
    """

    task: str
    schema: dict[str, Any]
    context_parameter: str | None
    _bind: _Bind

    def bind(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The keyword arguments of the function, validated and coerced, the context left out.

        Raises:
            InvalidPayloadError: With a JSON Pointer (RFC 6901) and a message for each mismatch.
        """
        try:
            return self._bind(payload)
        except ValidationError as error:
            problems = [
                (_pointer(problem, payload), problem["msg"].removeprefix("Value error, "))
                for problem in error.errors(include_url=False, include_context=False)
            ]
            raise InvalidPayloadError(self.task, problems) from None


def shape_of(function: Callable[..., Any], task: str) -> PayloadShape:
    """The shape of ``function``'s payload, from its signature.

    Raises:
        ConfigurationError: The signature cannot be filled from a JSON object.
    """
    signature = _Signature(function, task)
    schema, bind = _model_way(signature) if signature.model else _parameters_way(signature)
    schema = {"$schema": DIALECT, "title": task, **_without_title(schema)}
    return PayloadShape(task, schema, signature.context, _refuse_context(signature, bind, schema))


class _Signature:
    """A function's parameters, sorted by what they mean for the payload."""

    def __init__(self, function: Callable[..., Any], task: str) -> None:
        self.task = task
        self.parameters = dict(inspect.signature(function).parameters)
        self.types = self._resolve(function)
        self.open = self._take_open()
        self.context = self._take_context()
        self.model = self._take_model()

    def wrong(self, message: str) -> ConfigurationError:
        return ConfigurationError(f"Task {self.task!r}: {message}")

    def _resolve(self, function: Callable[..., Any]) -> dict[str, Any]:
        for parameter in self.parameters.values():
            self._check(parameter)
        annotations = {
            name: parameter.annotation
            for name, parameter in self.parameters.items()
            if parameter.annotation is not parameter.empty
        }
        holder = SimpleNamespace(__annotations__=annotations)
        try:
            return get_type_hints(holder, _globals(function), include_extras=True)
        except (NameError, AttributeError, TypeError, SyntaxError) as error:
            raise self.wrong(
                f"a type in its signature cannot be resolved ({error}). Import it at the top of "
                "the module, not under TYPE_CHECKING and not inside a function."
            ) from None

    def _check(self, parameter: inspect.Parameter) -> None:
        name = parameter.name
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise self.wrong(f"payload keys have names: replace *{name} by a typed list parameter.")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise self.wrong(f"{name!r} is positional only: remove the '/' from its signature.")
        if parameter.annotation is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD:
            raise self.wrong(f"parameter {name!r} has no type: annotate it, as in {name}: str.")

    def _take_open(self) -> bool:
        """Whether any key is welcome (``**payload``)."""
        for name, parameter in list(self.parameters.items()):
            if parameter.kind is parameter.VAR_KEYWORD:
                if self.types.pop(name, Any) not in (Any, object):
                    raise self.wrong(f"**{name} takes any value: annotate it with Any.")
                del self.parameters[name]
                return True
        return False

    def _take_context(self) -> str | None:
        names = [name for name, kind in self.types.items() if kind is Context]
        if len(names) > 1:
            raise self.wrong(f"{' and '.join(names)} are both a Context: keep one.")
        for name in names:
            del self.parameters[name], self.types[name]
            return name
        return None

    def _take_model(self) -> tuple[str, type[BaseModel]] | None:
        models = [name for name, kind in self.types.items() if _is_model(kind)]
        if not models:
            return None
        if len(self.types) > 1 or self.open:
            raise self.wrong(
                f"{', '.join(repr(name) for name in self.parameters)}: take either ONE pydantic "
                "model, whose fields are the payload's keys, or plain typed parameters."
            )
        (name,) = models
        if self.parameters[name].default is not inspect.Parameter.empty:
            raise self.wrong(f"give defaults to the fields of {name!r}, not to the parameter.")
        if issubclass(self.types[name], RootModel):
            raise self.wrong(f"{name!r} is a RootModel, but a payload is an object: use fields.")
        return name, self.types[name]


def _globals(function: Callable[..., Any]) -> dict[str, Any]:
    names: dict[str, Any] = getattr(inspect.unwrap(function), "__globals__", {})
    return names


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _model_way(signature: _Signature) -> tuple[dict[str, Any], _Bind]:
    """One pydantic model: its fields are the keys; unknown ones are refused unless it says else."""
    name, model = signature.model  # type: ignore[misc]  # the caller looked
    schema = _schema(signature, lambda: model.model_json_schema(mode="validation"))
    validate = model.__pydantic_validator__.validate_python
    if model.model_config.get("extra") is not None:
        return schema, lambda payload: {name: validate(payload)}
    known = frozenset(_close(schema))

    def bind(payload: dict[str, Any]) -> dict[str, Any]:
        if not payload.keys() <= known:
            raise _unexpected(signature.task, sorted(payload.keys() - known))
        return {name: validate(payload)}

    return schema, bind


def _close(schema: dict[str, Any]) -> dict[str, Any]:
    """Refuses all but the properties of the schema of a model; returns those.

    A model that contains itself is a mere reference, and ``additionalProperties`` would not see
    the properties behind it.
    """
    if "$ref" not in schema:
        schema["additionalProperties"] = False
    else:
        schema["unevaluatedProperties"] = False
        schema = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    properties: dict[str, Any] = schema["properties"]
    return properties


def _parameters_way(signature: _Signature) -> tuple[dict[str, Any], _Bind]:
    """Plain parameters: each is a key; ``**payload`` welcomes any other."""
    for name, parameter in signature.parameters.items():
        _check_default(signature, name, parameter.default)
    adapter = _adapter(signature)
    schema = _schema(signature, lambda: adapter.json_schema(mode="validation"))
    schema["additionalProperties"] = signature.open
    return schema, adapter.validator.validate_python


@dataclass(frozen=True)
class _Keys:
    """Tells pydantic how the payload of plain parameters is built, without a class of its own."""

    signature: _Signature

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.typed_dict_schema(
            {name: self._field(name, handler) for name in self.signature.types},
            extra_behavior="allow" if self.signature.open else "forbid",
        )

    def _field(self, name: str, handler: GetCoreSchemaHandler) -> core_schema.TypedDictField:
        schema = handler.generate_schema(self.signature.types[name])
        default = self.signature.parameters[name].default
        if default is inspect.Parameter.empty:
            return core_schema.typed_dict_field(schema)
        schema = core_schema.with_default_schema(schema, default=default)
        return core_schema.typed_dict_field(schema, required=False)


def _adapter(signature: _Signature) -> TypeAdapter[dict[str, Any]]:
    try:
        return TypeAdapter(cast("type[dict[str, Any]]", Annotated[dict, _Keys(signature)]))
    except PydanticUserError as error:
        raise signature.wrong(f"a type in its signature is not one of JSON: {error}") from None


def _schema(signature: _Signature, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return make()
    except PydanticUserError as error:
        raise signature.wrong(f"its payload has no JSON Schema: {error}") from None


def _check_default(signature: _Signature, name: str, default: Any) -> None:
    if default is inspect.Parameter.empty:
        return
    try:
        from_json(to_json(default), allow_inf_nan=False)
    except (ValueError, TypeError, RecursionError):
        raise signature.wrong(
            f"the default of {name!r} is {default!r}, which JSON cannot carry: use null, text, "
            "a number, true, false, a list or an object."
        ) from None


def _refuse_context(signature: _Signature, bind: _Bind, schema: dict[str, Any]) -> _Bind:
    """``**payload`` beside a context: the context's own name is not a key."""
    name = signature.context
    if name is None or not signature.open:
        return bind
    schema["propertyNames"] = {"not": {"const": name}}

    def guarded(payload: dict[str, Any]) -> dict[str, Any]:
        if name in payload:
            raise _unexpected(signature.task, [name])
        return bind(payload)

    return guarded


def _unexpected(task: str, names: list[str]) -> InvalidPayloadError:
    return InvalidPayloadError(
        task, [(f"/{_escape(name)}", "Extra inputs are not permitted") for name in names]
    )


def _without_title(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != "title"}


def _pointer(problem: ErrorDetails, payload: Any) -> str:
    """The place of a problem in the payload.

    Pydantic's own path also names union members and validators; only steps that the payload has,
    and the key that it lacks, are kept.
    """
    path, value = "", payload
    for step in problem["loc"]:
        if _has(value, step):
            value = value[step]
        elif not (problem["type"] == "missing" and step == problem["loc"][-1]):
            continue
        path += f"/{_escape(str(step))}"
    return path


def _has(value: Any, step: int | str) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and step < len(value)
    return isinstance(value, dict) and step in value


def _escape(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")
