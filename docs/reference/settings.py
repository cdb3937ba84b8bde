"""The tables of all settings, from the classes that read them."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from pydantic import AliasChoices, SecretStr
from pydantic_core import PydanticUndefined

from jobyard.settings import MetricsSettings, Settings
from jobyard_api.settings import ApiSettings
from jobyard_cli.settings import ClientSettings, UpSettings
from jobyard_scheduler.settings import SchedulerSettings
from jobyard_worker.settings import WorkerSettings
from reference.page import Page, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

_SECTIONS: dict[str, tuple[type[Settings], type[Settings] | None]] = {
    "Every process": (Settings, None),
    "Every service": (MetricsSettings, Settings),
    "`jobyard-api`": (ApiSettings, MetricsSettings),
    "`jobyard-worker`": (WorkerSettings, MetricsSettings),
    "`jobyard-scheduler`": (SchedulerSettings, MetricsSettings),
    "`jobyard up`": (UpSettings, Settings),
    "`jobyard submit`, `jobyard watch`": (ClientSettings, Settings),
}
"""A title, the class that has the settings, and the one whose section has its common ones."""
_HEAD = ("variable", "type", "default", "meaning")
_TYPES = {
    bool: "`true` or `false`",
    int: "integer",
    float: "number",
    str: "text",
    SecretStr: "secret",
    tuple[str, ...]: "comma list",
}
_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def tables() -> str:
    """One table a process."""
    return "\n".join(
        f"## {title}\n\n{table(_HEAD, rows_of(settings, common))}"
        for title, (settings, common) in _SECTIONS.items()
    )


def rows_of(settings: type[Settings], common: type[Settings] | None) -> Iterator[tuple[str, ...]]:
    """The settings that ``common`` does not have, or has with another default."""
    shared = common.model_fields if common else {}
    for name, field in settings.model_fields.items():
        if name not in shared or _default(field) != _default(shared[name]):
            yield _variables(field), _kind(field), _shown(_default(field)), field.description or ""


def _variables(field: FieldInfo) -> str:
    assert isinstance(field.validation_alias, AliasChoices)
    names = [str(choice).upper() for choice in field.validation_alias.choices]
    return ", ".join(f"`{name}`" for name in names)


def _kind(field: FieldInfo) -> str:
    kind = _plain(field.annotation)
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    bounds = [
        f"{sign} {_number(getattr(rule, name))}"
        for rule in field.metadata
        for name, sign in _BOUNDS.items()
        if hasattr(rule, name)
    ]
    return " ".join((_TYPES.get(kind, "text"), *bounds))


def _plain(annotation: Any) -> Any:
    """Without the ``None`` of what may be left out."""
    if get_origin(annotation) in {Union, types.UnionType}:
        return next(part for part in get_args(annotation) if part is not types.NoneType)
    return annotation


def _default(field: FieldInfo) -> Any:
    found = field.get_default(call_default_factory=True, validated_data={})
    return None if found is PydanticUndefined else found


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, int | float):
        return f"`{_number(default)}`"
    text = ",".join(default) if isinstance(default, tuple) else str(default or "")
    return f"`{text}`" if text else ""


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) and not value.is_integer() else str(int(value))


PAGE = Page("settings.md", "the classes of settings", tables)
