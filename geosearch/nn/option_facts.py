"""What an option object says, as JSON-representable facts from which content keys are made."""

from __future__ import annotations

from dataclasses import field, fields
from typing import Any


def added_field(default: Any) -> Any:
    """A field younger than kept results: at its default it is left out of the facts, and old keys stay."""
    return field(default=default, metadata={"later": True})


def facts_of(option: Any) -> dict[str, Any]:
    """The fields of an option object, nested option objects as dictionaries with their class name.

    Fields that came later (`later`) are left out at their default.
    """
    facts: dict[str, Any] = {"type": type(option).__name__}
    for entry in fields(option):
        value = getattr(option, entry.name)
        if "later" in entry.metadata and value == entry.default:
            continue
        facts[entry.name] = facts_of(value) if hasattr(value, "__dataclass_fields__") else value
    return facts
