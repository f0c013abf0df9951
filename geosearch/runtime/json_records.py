"""Dataclasses as JSON: how records are stored in a database."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")
_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}  # each takes milliseconds to build


def to_json(kind: Any, record: object) -> Any:
    """A dataclass (or a container of dataclasses) as objects that `json.dumps` accepts; enums by their value.

    Args:
        kind: the record's type, e.g. ``tuple[Evaluation, ...]``.
        record: the record.
    """
    return _adapter(kind).dump_python(record, mode="json")


def from_json(kind: type[T], kept: Any) -> T:
    """The inverse of `to_json`.

    Raises:
        ValueError: a field is missing, or has the wrong type.
    """
    try:
        found: T = _adapter(kind).validate_python(kept)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return found


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]
