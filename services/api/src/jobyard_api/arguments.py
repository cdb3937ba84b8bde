"""Finds the arguments of an endpoint as the framework does, in a tenth of the time.

What an endpoint takes is known once its route is made. The quick way knows one body, headers
that may be left out, and dependencies that are coroutines of the request alone or of each other;
routes that take more have none. It never refuses: a value that is wrong is the framework's to name.
"""

from __future__ import annotations

from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, cast

from pydantic import TypeAdapter, ValidationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from typing import TypeAlias

    from fastapi._compat import ModelField
    from fastapi.dependencies.models import Dependant
    from starlette.requests import Request

    Dependency: TypeAlias = Callable[..., Awaitable[Any]]

_ONLY_THE_FRAMEWORKS = (
    "path_params",
    "query_params",
    "cookie_params",
    "websocket_param_name",
    "http_connection_param_name",
    "response_param_name",
    "background_tasks_param_name",
    "security_scopes_param_name",
)


@dataclass(frozen=True, slots=True)
class _Taken:
    """What one function takes of the request itself and of dependencies."""

    call: Dependency
    request: str | None
    dependencies: tuple[tuple[str, Dependency], ...]

    async def find(self, request: Request, found: Mapping[Dependency, Any]) -> Any:
        if self.dependencies or self.request is None:
            return await self.call(**self.arguments(request, found))
        return await self.call(request)

    def arguments(self, request: Request, found: Mapping[Dependency, Any]) -> dict[str, Any]:
        arguments = {name: found[dependency] for name, dependency in self.dependencies}
        if self.request is not None:
            arguments[self.request] = request
        return arguments


class Arguments:
    """The arguments of one endpoint. See ``arguments_of``."""

    def __init__(self, endpoint: Dependant) -> None:
        self._endpoint = _taken(endpoint)
        self._dependencies = tuple(dict.fromkeys(_below(endpoint)))
        self._headers = [(field.alias.lower().encode(), field) for field in endpoint.header_params]
        [body] = endpoint.body_params
        self._body = body.name
        kind: Any = body.field_info.annotation
        self._validate_body = TypeAdapter(kind).validator.validate_python

    def given(self, headers: Mapping[bytes, bytes], body: Any) -> dict[str, Any] | None:
        """Those that come with the request; None where one is missing or wrong."""
        values: dict[str, Any] = {}
        for name, field in self._headers:
            text = headers.get(name)
            if text is None:
                values[field.name] = None
            elif not _take(field, text.decode("latin-1"), values):
                return None
        try:
            values[self._body] = self._validate_body(body)
        except ValidationError:
            return None
        return values

    async def found(self, request: Request) -> dict[str, Any]:
        """Those that dependencies find; raises what they raise."""
        found: dict[Dependency, Any] = {}
        for each in self._dependencies:
            found[each.call] = await each.find(request, found)
        return self._endpoint.arguments(request, found)


def arguments_of(endpoint: Dependant) -> Arguments | None:
    """The quick way to an endpoint's arguments; None where only the framework's leads there."""
    is_quick = (
        len(endpoint.body_params) == 1
        and not any(map(_is_needed, endpoint.header_params))
        and _is_quick(endpoint)
        and all(map(_is_quick_dependency, _all_below(endpoint)))
    )
    return Arguments(endpoint) if is_quick else None


def _is_needed(field: ModelField) -> bool:
    return field.field_info.is_required() or field.get_default() is not None


def _take(field: ModelField, value: Any, values: dict[str, Any]) -> bool:
    """Whether the value is right; then it is in ``values``."""
    values[field.name], errors = field.validate(value)
    return not errors


def _is_quick(function: Dependant) -> bool:
    return _is_coroutine(function.call) and not any(
        getattr(function, name) for name in _ONLY_THE_FRAMEWORKS
    )


def _is_quick_dependency(function: Dependant) -> bool:
    return (
        _is_quick(function)
        and function.use_cache
        and not function.header_params
        and not function.body_params
    )


def _is_coroutine(call: Any) -> bool:
    return iscoroutinefunction(call) or iscoroutinefunction(type(call).__call__)


def _all_below(function: Dependant) -> Iterator[Dependant]:
    """All that it depends on, each after what it depends on itself."""
    for each in function.dependencies:
        yield from _all_below(each)
        yield each


def _below(function: Dependant) -> Iterator[_Taken]:
    return map(_taken, _all_below(function))


def _taken(function: Dependant) -> _Taken:
    # A dependency without a name is run for what it may raise.
    named = ((each.name, _call_of(each)) for each in function.dependencies)
    given = tuple((name, call) for name, call in named if name is not None)
    return _Taken(_call_of(function), function.request_param_name, given)


def _call_of(function: Dependant) -> Dependency:
    return cast("Dependency", function.call)  # None only while the framework builds it
