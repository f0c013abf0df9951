"""A report's tables, written between its markers from the data: the words around them are left alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

BLOCK = re.compile(r"<!-- (?P<name>[a-z0-9 -]+) -->\n.*?<!-- end -->", re.DOTALL)


def fill(page: Path, blocks: Iterable[tuple[str, Callable[[], list[str]]]]) -> None:
    """Replace what stands in each block `<!-- NAME -->` ... `<!-- end -->` by the Markdown lines of that name.

    A block that is not among these, or whose data are missing (no lines), stays as it is, and is named.
    """
    made, kept = dict(blocks), []

    def filled(match: re.Match[str]) -> str:
        rows = made[match["name"]]() if match["name"] in made else []
        if not rows:
            kept.append(match["name"])
            return match[0]
        return f"<!-- {match['name']} -->\n\n" + "\n".join(rows) + "\n\n<!-- end -->"

    page.write_text(BLOCK.sub(filled, page.read_text()))
    print(page, *(f"left as it was, for want of data: {name}" for name in kept), sep="\n")
