"""The text of a study file, with a comment for every key that has a reason."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_WIDTH = 110  # columns


@dataclass(frozen=True)
class Entry:
    """One key of a study file.

    Attributes:
        section, key: its place.
        value: text, number, bool, or a list of text; None for a key that is only mentioned in a comment.
        reason: becomes a comment; may be empty.
    """

    section: str
    key: str
    value: Any
    reason: str = ""


def render_study(entries: Sequence[Entry], head: Sequence[str]) -> str:
    """A study file in TOML.

    Args:
        entries: its keys; those of a section stay in their order.
        head: lines of the comment at the top.
    """
    lines = [f"# {line}".rstrip() for line in head]
    for section in dict.fromkeys(entry.section for entry in entries):
        lines += ["", f"[{section}]"]
        for entry in (one for one in entries if one.section == section):
            lines += _commented(entry)
    return "\n".join(lines) + "\n"


def _commented(entry: Entry) -> Iterator[str]:
    above = textwrap.wrap(entry.reason, _WIDTH - 2, initial_indent="# ", subsequent_indent="# ")
    if entry.value is None:
        yield from above
        return
    line = f"{entry.key} = {_literal(entry.value)}"
    beside = f"{line:<24}  # {entry.reason}"
    if entry.reason and len(beside) <= _WIDTH and "\n" not in line:
        yield beside
        return
    yield from above
    yield line


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        listed = ", ".join(map(_literal, value))
        if len(listed) < _WIDTH - 20:
            return f"[{listed}]"
        return "[\n" + "".join(f"    {_literal(one)},\n" for one in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f") if isinstance(value, str) else repr(value)
