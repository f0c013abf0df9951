"""The tables of wrong labels and of images from elsewhere in reports/neighbours.md, from what was measured.

    python -m research.neighbours.weighting_tables

Errors in %, means over targets; differences from "none" are paired: same source, shots and seed. A column says on how
many targets its source was measured; one that was measured on fewer than three is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from research.common.intervals import over_targets
from research.common.page import fill
from research.neighbours import wrong_labels
from research.neighbours.label_tables import PAGE, difference, percent

SOURCES = {
    "right": "all right",
    **{f"{kind} {share}": f"{share} % wrong, {kind}" for kind in ("uniform", "pairs") for share in (20, 40, 60)},
    "polluted": "half from another set",
    "turned": "half turned",
}
FEWEST = 3  # targets of a column
Found = list[tuple[str, dict[str, dict[str, Any]]]]  # target, and way -> what was found


def measured() -> dict[str, Found]:
    """What was found with each source, in the order of the columns."""
    lines = wrong_labels.FILE.all()
    found = {
        source: [(one["asked"]["target"], one["found"]) for one in lines if one["asked"]["source"] == source]
        for source in SOURCES
    }
    return {source: some for source, some in found.items() if len({target for target, _ in some}) >= FEWEST}


def titles(found: dict[str, Found]) -> str:
    """The heads of the columns, each with its number of targets."""
    return " | ".join(f"{SOURCES[source]} ({len({target for target, _ in some})})" for source, some in found.items())


def errors(kind: str) -> Iterator[str]:
    """A row for each way: mean error with each source, and beside training without weights."""
    found = measured()
    if not found:
        return
    yield f"| | {titles(found)} | seconds |"
    yield "| --- " * (len(found) + 2) + "|"
    for way in wrong_labels.WAYS:
        cells = []
        for some in found.values():
            beside = difference([(target, one[way][kind] - one["none"][kind]) for target, one in some])
            own = percent([(target, one[way][kind]) for target, one in some])
            cells.append(own if way == "none" else f"{own} ({beside})")
        seconds = np.mean([one[way]["s"] for some in found.values() for _, one in some])
        yield f"| {way} | {' | '.join(cells)} | {seconds:.1f} |"


def detectors() -> Iterator[str]:
    """A row for each way that weighs samples: mean AUC with each source."""
    found = {source: some for source, some in measured().items() if source != "right"}
    if not found:
        return
    yield f"| | {titles(found)} |"
    yield "| --- " * (len(found) + 1) + "|"
    for way in wrong_labels.WAYS:
        if way != "none":
            cells = [over_targets([(target, one[way]["auc"]) for target, one in some])[0] for some in found.values()]
            yield f"| {way} | {' | '.join(f'{cell:.2f}' for cell in cells)} |"


def main() -> None:
    blocks = {
        "wrong labels network": lambda: list(errors("own")),
        "wrong labels head": lambda: list(errors("ridge")),
        "wrong labels detection": lambda: list(detectors()),
    }
    fill(PAGE, blocks.items())


if __name__ == "__main__":
    main()
