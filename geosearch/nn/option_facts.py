"""The fields of an option object as JSON-representable facts, from which content keys are made."""

from __future__ import annotations

from dataclasses import field, fields
from typing import Any

from geosearch.runtime.registry import name_of


def added_field(default: Any) -> Any:
    """A field added after results were stored: at its default it is left out of the facts, so old keys stay valid."""
    return field(default=default, metadata={"later": True})


def unstated_field() -> Any:
    """A required field that is left out of the facts, since another field says what matters about it."""
    return field(metadata={"unstated": True})


def facts_of(option: Any) -> dict[str, Any]:
    """The fields of an option object, nested option objects as dictionaries with their class name.

    Fields made by `added_field` are left out at their default, those made by `unstated_field` always.
    """
    facts: dict[str, Any] = {"type": name_of(type(option))}
    for entry in fields(option):
        value = getattr(option, entry.name)
        if "unstated" in entry.metadata or ("later" in entry.metadata and value == entry.default):
            continue
        facts[entry.name] = facts_of(value) if hasattr(value, "__dataclass_fields__") else value
    return facts
