"""The tables of the pages in reports/transfer/, written between their markers.

    python -m research.transfer.pages

A table whose data are missing stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from research.common.lines import Lines
from research.common.mixtures import LONG
from research.common.page import fill
from research.transfer import agreement, colour, label_ceiling, pseudo_labels, regimes, self_training, surfaces, worth
from research.transfer.contest import FOLDER, SHOTS, TARGETS
from research.transfer.standings import (
    SELF_TRAINED,
    adaptations,
    overall,
    read,
    searched,
    standings,
    summary,
    table,
)

ASIDES: Mapping[str, Mapping[str, float]] = {  # what else the contest is run with, on some targets
    "28 px": {"size": 28},  # the paper's
    "classes known to be even": {"balance": 1.0},
}
REPOSITORY = Path(__file__).parents[2]
PAPER = {"mnist": 93.7, "usps": 88.6, "fashion_mnist": 70.1, "kmnist": 52.6, "az_letters": 67.1, "mnist_m": 42.1}


def blocks() -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """Every name that the pages may use, with what makes the Markdown of it."""
    lines, targets = Lines(FOLDER / "regimes.jsonl").all(), regimes.TARGETS
    yield "regimes", lambda: regimes.table(lines, targets, (LONG,))
    yield "regimes all lengths", lambda: regimes.table(lines, targets)
    yield "predictors", lambda: agreement.table(FOLDER)
    yield "predictors gains", lambda: [f"- {line}" for line in agreement.gains(FOLDER)]
    yield "pseudo-labels", lambda: pseudo_labels.table(Lines(FOLDER / "pseudo_labels.jsonl").all())
    yield "self-training", lambda: self_training.table(FOLDER)
    yield "flips", lambda: self_training.flips(FOLDER)
    yield "label ceiling", lambda: label_ceiling.table(FOLDER)
    yield "surfaces", lambda: surfaces.table(Lines(FOLDER / "surfaces.jsonl").all())
    coloured = Lines(FOLDER / "colour.jsonl").all()
    yield "colour", lambda: colour.table(coloured)
    yield "colour noise", lambda: colour.noise(coloured)
    yield "paper", published
    yield "worth", worth.table
    for shots in SHOTS:
        for adaptation in (SELF_TRAINED, "linear-probe", "ridge", "fine-tune"):
            yield f"contest {shots} {adaptation}", partial(contest, shots, adaptation)
        yield f"contest {shots} claims", partial(verdicts, shots)
        yield f"contest {shots} targets", partial(by_target, shots)
    for name in ASIDES:
        yield f"contest {SHOTS[0]} {name}", partial(by_target, SHOTS[0], name)


def contest(shots: int, adaptation: str) -> list[str]:
    lines = read(FOLDER, shots)
    return summary(lines, adaptation) if lines and adaptation in adaptations(lines) else []


def verdicts(shots: int) -> list[str]:
    """How many comparisons the search wins and loses."""
    lines = read(FOLDER, shots)
    return [f"- {overall(lines)}"] if lines else []


def published() -> list[str]:
    """The paper's best rows (Fan & Alvarez-Melis 2023, five shots) beside the search, accuracy in %."""
    rows = ["| | " + " | ".join(PAPER) + " |", "| --- " * (1 + len(PAPER)) + "|"]
    rows.append("| the paper's best row | " + " | ".join(f"{value:.1f}" for value in PAPER.values()) + " |")
    for name in ("", *ASIDES):
        lines, aside = read(FOLDER, SHOTS[0], **ASIDES.get(name, {})), f", {name}" if name else ""
        for adaptation in adaptations(lines) if lines else ():
            own = searched(adaptation)
            found = {
                target: [one for one in standings(lines, target, adaptation) if one.row == own] for target in PAPER
            }
            cells = [_accuracy(one[0].errors) if one else "" for one in found.values()]
            rows.append(f"| search, {adaptation}{aside} | " + " | ".join(cells) + " |")
    return rows if len(rows) > 3 else []


def _accuracy(errors: Sequence[float]) -> str:
    """Of errors in %: mean and, of several, standard deviation."""
    spread = f" ± {np.std(errors, ddof=1):.1f}" if len(errors) > 1 else ""
    return f"{100 - np.mean(errors):.1f}{spread}"


def by_target(shots: int, name: str = "") -> list[str]:
    """A table for each target, all rows, seconds included."""
    lines, found = read(FOLDER, shots, **ASIDES.get(name, {})), []
    for target in TARGETS if lines else ():
        first = adaptations(lines)[0]
        if rows := standings(lines, target, first):
            aside = f"{name}, " if name else ""
            found += ["", f"**{target}**, {aside}{shots} shots, {first}:", "", *table(rows, first)]
    return found[1:]


if __name__ == "__main__":
    for page in sorted((REPOSITORY / "reports" / "transfer").glob("*.md")):
        fill(page, blocks())
