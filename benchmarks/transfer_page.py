"""The tables of reports/transfer.md, written between its markers from reports/data.

    python benchmarks/transfer_page.py

A table whose data are missing stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import colour
import numpy as np
import predictors
import pseudo_labels
import regimes
import surfaces
from contest import FOLDER, SHOTS, TARGETS
from lines import Lines
from mixtures import LONG
from page import fill
from standings import claims, losses, read, standings, summary, table

from geosearch.search.verdict import BEST

PAGE = Path(__file__).parents[1] / "reports" / "transfer.md"
ADAPTATIONS = ("head-only", "ridge", "fine-tune")
PAPER = {"mnist": 93.7, "usps": 88.6, "fashion_mnist": 70.1, "kmnist": 52.6, "az_letters": 67.1, "mnist_m": 42.1}


def blocks() -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """Every name that the page may use, with what makes the Markdown of it."""
    lines, targets = Lines(FOLDER / "regimes.jsonl").all(), regimes.TARGETS
    yield "regimes", lambda: regimes.table(lines, targets, (LONG,))
    yield "regimes all lengths", lambda: regimes.table(lines, targets)
    yield "predictors", lambda: predictors.table(FOLDER)
    yield "predictors gains", lambda: [f"- {line}" for line in predictors.gains(FOLDER)]
    yield "pseudo-labels", lambda: pseudo_labels.table(Lines(FOLDER / "pseudo_labels.jsonl").all())
    yield "surfaces", lambda: surfaces.table(Lines(FOLDER / "surfaces.jsonl").all())
    yield "colour", lambda: colour.table(Lines(FOLDER / "colour.jsonl").all())
    yield "paper", published
    for shots in SHOTS:
        for adaptation in ADAPTATIONS:
            yield f"contest {shots} {adaptation}", partial(contest, shots, adaptation)
        yield f"contest {shots} claims", partial(verdicts, shots)
        yield f"contest {shots} targets", partial(by_target, shots)


def contest(shots: int, adaptation: str) -> list[str]:
    lines = read(FOLDER, shots)
    return summary(lines, adaptation) if lines else []


def verdicts(shots: int) -> list[str]:
    """What the search is better and worse than, a line each."""
    lines = read(FOLDER, shots)
    return [f"- {one}" for name in ADAPTATIONS for one in claims(lines, name) + losses(lines, name)] if lines else []


def published() -> list[str]:
    """The paper's best rows (Fan & Alvarez-Melis 2023, five shots) beside the search, accuracy in %."""
    rows = ["| | " + " | ".join(PAPER) + " |", "| --- " * (1 + len(PAPER)) + "|"]
    rows.append("| the paper's best row | " + " | ".join(f"{value:.1f}" for value in PAPER.values()) + " |")
    lines = read(FOLDER, SHOTS[0])
    for adaptation in ADAPTATIONS:
        cells = []
        for target in PAPER:
            search = next((one for one in standings(lines, target, adaptation) if one.row == BEST), None)
            cells.append(f"{100 - np.mean(search.errors):.1f} ± {np.std(search.errors, ddof=1):.1f}" if search else "")
        rows.append(f"| search, {adaptation} | " + " | ".join(cells) + " |")
    return rows if lines else []


def by_target(shots: int) -> list[str]:
    """A table for each target, all rows, seconds included."""
    lines, found = read(FOLDER, shots), []
    for target in TARGETS:
        rows = standings(lines, target, ADAPTATIONS[0])
        if rows:
            found += ["", f"**{target}**, {shots} shots, {ADAPTATIONS[0]}:", "", *table(rows)]
    return found[1:]


if __name__ == "__main__":
    fill(PAGE, blocks())
