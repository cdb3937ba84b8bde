"""Makes an example of what a JSON Schema describes, for the forms of ``/docs``. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Schema = dict[str, Any]

_DEEPEST = 8
"""A schema may refer to itself."""

_TEXTS = {
    "email": "ada@example.com",
    "date-time": "2030-01-31T09:00:00Z",
    "date": "2030-01-31",
    "time": "09:00:00Z",
    "duration": "PT5M",
    "uuid": "8e03978e-40d5-43dd-bc93-6894a57f9324",
    "uri": "https://example.com/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}


def example_of(schema: Schema) -> Any:
    """A value that says what is meant: the schema's own example, or one of its types.

    It fits simple schemas; a pattern or a rule between fields needs an example in the schema.
    """
    return _Maker(schema).make(schema, 0)


class _Maker:
    def __init__(self, root: Schema) -> None:
        self._root = root

    def make(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return None
        if isinstance(target := schema.get("$ref"), str):
            return self.make(self._found(target), depth + 1)
        for key in ("examples", "enum"):
            if isinstance(values := schema.get(key), list) and values:
                return values[0]
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        for key in ("anyOf", "oneOf", "allOf"):
            if isinstance(parts := schema.get(key), list) and parts:
                return self.make(parts[0], depth + 1)
        return self._of_type(schema, depth)

    def _of_type(self, schema: Schema, depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else None)
        makers: dict[str, Callable[[], Any]] = {
            "object": lambda: self._object(schema, depth),
            "array": lambda: self._array(schema, depth),
            "string": lambda: _text(schema),
            "integer": lambda: int(_amount(schema)),
            "number": lambda: _amount(schema),
            "boolean": lambda: True,
        }
        first = kind[0] if isinstance(kind, list) and kind else kind
        return makers[first]() if isinstance(first, str) and first in makers else None

    def _array(self, schema: Schema, depth: int) -> list[Any]:
        fewest = max(1, _number(schema, "minItems", 1))
        return [self.make(schema.get("items"), depth + 1)] * min(fewest, 3)

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        """What is required, and what says by itself what it may be."""
        found = schema.get("properties")
        properties: Mapping[str, Any] = found if isinstance(found, dict) else {}
        required = schema["required"] if isinstance(schema.get("required"), list) else []
        return {
            name: self.make(each, depth + 1)
            for name, each in properties.items()
            if name in required or (isinstance(each, dict) and each.get("examples"))
        }

    def _found(self, target: str) -> Any:
        place: Any = self._root
        for step in target.removeprefix("#").split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            place = place.get(key) if isinstance(place, dict) else None
        return place


def _text(schema: Schema) -> str:
    text = _TEXTS.get(str(schema.get("format")), "text")
    fewest, most = _number(schema, "minLength", 0), _number(schema, "maxLength", 1000)
    return text.ljust(min(fewest, 1000), "x")[:most]


def _amount(schema: Schema) -> Any:
    """1, or the nearest that the bounds allow."""
    amount = _number(schema, "multipleOf", 1)
    amount = max(amount, _number(schema, "minimum", amount))
    amount = max(amount, _number(schema, "exclusiveMinimum", amount - 1) + 1)
    amount = min(amount, _number(schema, "maximum", amount))
    return min(amount, _number(schema, "exclusiveMaximum", amount + 1) - 1)


def _number(schema: Schema, key: str, default: Any) -> Any:
    value = schema.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else default
