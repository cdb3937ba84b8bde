"""Reads single fields of a reply. A broken field becomes its empty value; nothing raises."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any


def mapping_of(flat: list[Any]) -> dict[bytes, bytes]:
    """Names and values in turn, as a mapping."""
    return dict(zip(flat[::2], flat[1::2], strict=False))


def text_of(fields: dict[bytes, bytes], name: bytes) -> str:
    """A field as text; '' where there is none."""
    return fields.get(name, b"").decode(errors="replace")


def json_of(text: bytes | None) -> Any:
    """Any JSON value; None where it is broken."""
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


def texts_of(text: bytes | None) -> tuple[str, ...]:
    """The texts of a JSON list; what else is in it is left out."""
    found = json_of(text)
    return tuple(item for item in found if isinstance(item, str)) if isinstance(found, list) else ()


def object_of(text: bytes | None) -> dict[str, Any]:
    """A JSON object; empty where it is none."""
    found = json_of(text)
    return found if isinstance(found, dict) else {}


def number_of(text: bytes) -> float | None:
    """A number; None where it is none."""
    try:
        return float(text) if text else None
    except ValueError:
        return None


def whole_of(text: bytes) -> int | None:
    """A whole number; None where it is none."""
    try:
        return int(text) if text else None
    except ValueError:
        return None


def ttl_of(text: bytes, default: int) -> int:
    """Seconds to keep a job; ``default`` where nothing, or no number, is said."""
    stored = whole_of(text)
    return default if stored is None else stored


def moment_of(text: bytes | None) -> datetime | None:
    """A time of Unix seconds, in UTC."""
    seconds = number_of(text or b"")
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def moment_of_milliseconds(text: bytes | None) -> datetime | None:
    """A time of Unix milliseconds, in UTC."""
    number = number_of(text or b"")
    return None if number is None else moment_of(b"%f" % (number / 1000))


def time_of(text: bytes | None) -> datetime | None:
    """A time of ISO 8601."""
    try:
        return datetime.fromisoformat(text.decode()) if text else None
    except ValueError:
        return None
