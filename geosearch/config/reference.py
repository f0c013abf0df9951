"""The reference of study files: every key with its default and meaning, as Markdown."""

from __future__ import annotations

from typing import Any

from geosearch.config.study_config import StudyFile
from geosearch.runtime.registry import Choice


def options_table() -> str:
    """All sections, keys, defaults and meanings as Markdown: the reference that the docs print."""
    lines = []
    for section, entry in StudyFile.model_fields.items():
        model: Any = entry.annotation
        lines += [f"### `[{section}]`", "", "| key | default | meaning |", "| --- | --- | --- |"]
        for key, field in model.model_fields.items():
            choice = next((one for one in model.choices if one.key == f"{section}.{key}"), None)
            default = "required" if field.is_required() else f"`{_toml(field.default)}`"
            meaning = _meaning(choice) if choice else f"{field.description}{_choices(field.annotation)}"
            lines.append(f"| `{key}` | {default} | {meaning} |")
            for one in choice.settings().values() if choice else ():
                lines.append(f"| `{one.key}` | `{_toml(one.default)}` | {one.meaning} |")
        lines.append("")
    return "\n".join(lines)


def _meaning(choice: Choice[Any]) -> str:
    """What a choice is about, and what each of its options is."""
    options = "; ".join(f'`"{entry.name}"`: {entry.meaning}' for entry in choice.entries())
    return f"{choice.meaning} {'Any' if choice.many else 'One'} of {options}."


def _toml(value: Any) -> str:
    if value is None:
        return "left out"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(one) for one in value)}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _choices(annotation: Any) -> str:
    values = getattr(annotation, "__args__", ())
    named = [value for value in values if isinstance(value, str | int) and not isinstance(value, bool)]
    return f" One of {', '.join(_toml(value) for value in named)}." if named else ""
