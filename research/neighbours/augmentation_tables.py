"""The tables of augmentations in reports/neighbours.md, from what was measured.

    python -m research.neighbours.augmentation_tables

Errors in %. Differences are paired: same target, seed and shots; intervals are 95 % t intervals over the targets, whose
draws and seeds are averaged first. A seed of a target counts once all its rows are measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from research.common.page import fill
from research.neighbours import augmentations
from research.neighbours.label_tables import PAGE, difference, percent

HEADS = {"ridge": "ridge", "fine-tune": "fine-tune", "fine-tune, fixed": "fine-tune with fixed ranges"}
Cell = tuple[str, int]  # what of, seed


def cells(question: str, rows: tuple[str, ...]) -> dict[Cell, dict[str, Any]]:
    """(what of, seed) -> row -> line, where all rows are measured."""
    found: dict[Cell, dict[str, Any]] = {}
    for line in augmentations.FILE.all():
        asked = line["asked"]
        if asked["question"] == question:
            found.setdefault((asked["of"], asked["seed"]), {})[asked["row"]] = line
    return {cell: lines for cell, lines in found.items() if set(rows) <= set(lines)}


def symmetry() -> Iterator[str]:
    """A row for each augmentation: error on the test part, for each set that was trained on."""
    found = cells("symmetry", augmentations.WITH_ROTATION)
    names = [name for name in augmentations.TRAINED_ON if any(of == name for of, _ in found)]
    yield f"| | {' | '.join(names)} |"
    yield "| --- " * (len(names) + 1) + "|"
    for row in augmentations.WITH_ROTATION:
        errors = [percent([(of, by[row]["error"]) for (of, _), by in found.items() if of == name]) for name in names]
        yield f"| {row} | {' | '.join(errors)} |"


def learned() -> Iterator[str]:
    """A row for each set: probability in % of every strength of rotation, of mirroring, and of new colors."""
    found = cells("symmetry", augmentations.WITH_ROTATION)
    yield "| trained on | no turn | to 15° | to 45° | to 90° | to 180° | mirrored | own colors | to 1/12 | beyond |"
    yield "| --- " * 10 + "|"
    for name in augmentations.TRAINED_ON:
        known = [by["learned"]["learned"] for (of, _), by in found.items() if of == name]
        turned, flipped, colored = (
            100 * np.mean([one[kind] for one in known], 0) for kind in ("rotate", "flip", "recolour")
        )
        shown = [*turned, flipped[1], colored[0], colored[1], colored[2:].sum()]
        yield f"| {name} | {' | '.join(f'{value:.0f}' for value in shown)} |"


def targets() -> Iterator[str]:
    """A row for each augmentation: errors after fine-tuning of each target, and each way beside fixed ranges."""
    found = cells("targets", augmentations.ROWS)
    names = [name for name in augmentations.TARGETS if any(of == name for of, _ in found)]
    beside = [f"{title}, beside fixed" for title in HEADS.values()]
    yield f"| | {' | '.join([*names, *beside])} | seconds |"
    yield "| --- " * (len(names) + len(beside) + 2) + "|"
    for row in augmentations.ROWS:
        own = [percent(errors(found, row, "fine-tune", name)) for name in names]
        gaps = ["" if row == "fixed" else difference(errors(found, row, head, minus="fixed")) for head in HEADS]
        seconds = np.mean([by[row]["seconds"] for by in found.values()], 0)
        yield f"| {row} | {' | '.join([*own, *gaps])} | {seconds[0]:.1f} + {seconds[1]:.1f} |"


def rotated() -> Iterator[str]:
    """A row for each augmentation: error of each way on the rotated target."""
    found = cells("rotated", augmentations.WITH_ROTATION)
    yield f"| | {' | '.join(HEADS.values())} |"
    yield "| --- " * (len(HEADS) + 1) + "|"
    for row in augmentations.WITH_ROTATION:
        yield f"| {row} | {' | '.join(percent(errors(found, row, head)) for head in HEADS)} |"


def errors(
    found: dict[Cell, dict[str, Any]], row: str, head: str, of: str = "", minus: str = ""
) -> list[tuple[str, float]]:
    """(target, mean error of the draws) of a row, of one target or of all; less that of another row if named."""
    return [
        (cell[0], float(np.mean(by[row]["errors"][head]) - (np.mean(by[minus]["errors"][head]) if minus else 0)))
        for cell, by in found.items()
        if of in ("", cell[0])
    ]


def main() -> None:
    blocks = {
        "augmentations symmetry": symmetry,
        "augmentations learned": learned,
        "augmentations targets": targets,
        "augmentations rotated": rotated,
    }
    fill(PAGE, [(name, lambda made=made: list(made())) for name, made in blocks.items()])  # type: ignore[misc]


if __name__ == "__main__":
    main()
