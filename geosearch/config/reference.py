"""The reference of study files: every key with its default and meaning, as Markdown."""

from __future__ import annotations

from typing import Any, get_args

from geosearch.config.section import Section
from geosearch.config.study_config import StudyFile
from geosearch.runtime.registry import Choice


def options_table() -> str:
    """All sections, keys, defaults and meanings as Markdown: the reference that the docs print."""
    lines = []
    for section, entry in StudyFile.model_fields.items():
        assert isinstance(entry.annotation, type)
        assert issubclass(entry.annotation, Section)
        lines += [f"### `[{section}]`", "", "| key | default | meaning |", "| --- | --- | --- |"]
        lines += _rows(entry.annotation)
        lines.append("")
    return "\n".join(lines)


def _rows(section: type[Section]) -> list[str]:
    """The section's own keys; a choice is followed by the settings of its options."""
    choices = {choice.name: choice for choice in section.choices}
    rows = []
    for key, field in section.model_fields.items():
        default = "required" if field.is_required() else f"`{_toml(field.default)}`"
        choice = choices.get(key)
        meaning = _meaning(choice) if choice else f"{field.description}{_values(field.annotation)}"
        rows.append(f"| `{key}` | {default} | {meaning} |")
        for name, one in choice.settings().items() if choice else ():
            rows.append(f"| `{name}` | `{_toml(one.default)}` | {one.meaning} |")
    return rows


def _meaning(choice: Choice[Any]) -> str:
    options = "; ".join(f"`{_toml(entry.name)}`: {entry.meaning}" for entry in choice.entries())
    return f"{choice.meaning} {'Any' if choice.many else 'One'} of {options}."


def _toml(value: Any) -> str:
    if value is None:
        return "left out"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(one) for one in value)}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _values(annotation: Any) -> str:
    named = [value for value in get_args(annotation) if isinstance(value, str | int) and not isinstance(value, bool)]
    return f" One of {', '.join(_toml(value) for value in named)}." if named else ""
