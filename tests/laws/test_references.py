"""Every work that a docstring or an option names is in REFERENCES.md, under the same key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import geosearch

PACKAGE = Path(geosearch.__file__).parent
NAME = r"[A-ZÅÄÖÉ][\w’'\-]+"
KEY = re.compile(rf"({NAME}(?:(?:, {NAME})* & {NAME}| et al\.) (?:19|20)\d\d[a-z]?)\b")


def cited() -> Iterator[tuple[str, str]]:
    """Key and file of every citation with more than one author; lines are joined, also those of split strings."""
    for file in PACKAGE.rglob("*.py"):
        text = re.sub(r'"?\s*\n\s*"?', " ", file.read_text(encoding="utf-8"))
        yield from ((key, file.name) for key in KEY.findall(re.sub(r"\s+", " ", text)))


def test_every_work_that_is_cited_is_listed() -> None:
    lines = (PACKAGE.parent / "REFERENCES.md").read_text(encoding="utf-8").splitlines()
    listed = {line.split("|")[1].strip() for line in lines if line.startswith("| ")}
    found = dict(cited())
    assert len(found) > 60
    missing = {key: file for key, file in found.items() if not listed & {key, key.partition(", ")[2]}}  # "Name, key"
    assert missing == {}
