"""What is each piece of prior knowledge of a search worth? Whole searches without it, on the tabulated surfaces.

    python -m research.search.prior_knowledge [--repetitions 15] [--table]

`hull` begins with three cheap scores: the closed form, the proxy (debiased held-out OTDD) and the derivative of the
shots' error in the sources' weights. Here it goes without one or two of them, under the same noise as in samplers.py,
whose searches have all three: without the proxy the closed form stands in its place. Results:
reports/data/search_priors.jsonl, and the table of reports/search.md.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np

from research.common.intervals import over_targets
from research.common.lines import Lines
from research.common.page import fill
from research.search.samplers import FOLDER, PAGE, arrival, search, shelves

LINES = Lines(FOLDER / "search_priors.jsonl")
WITHOUT = {"proxy": "the proxy", "derivative": "the derivative", "both": "both"}
PARTS = ((1, 1), (2, 5), (6, 12), (13, 24))  # first and last evaluation


@dataclass(frozen=True)
class Pair:
    """The same search without a score and with all of them, as lines of the results."""

    without: dict[str, Any]
    whole: dict[str, Any]

    @property
    def shelf(self) -> str:
        name: str = self.without["asked"]["shelf"]
        return name

    def gap(self, first: int, last: int) -> float:
        """Mean difference of the regrets over some evaluations, in units of the noise."""
        one, other = (np.array(line["regret"][first - 1 : last]) for line in (self.without, self.whole))
        return float((one - other).mean() / self.whole["noise"])


def pairs(without: str) -> list[Pair]:
    """All pairs without one score."""
    whole = {
        (line["asked"]["shelf"], line["asked"]["repetition"]): line
        for line in Lines(FOLDER / "search.jsonl").all()
        if line["asked"]["sampler"] == "hull"
    }
    return [
        Pair(line, whole[line["asked"]["shelf"], line["asked"]["repetition"]])
        for line in LINES.all()
        if line["asked"]["without"] == without
    ]


def table() -> list[str]:
    """Markdown: regret without a score minus with all; evaluations until within the noise without and with it."""
    head = [f"evaluation {first}" if first == last else f"{first} to {last}" for first, last in PARTS]
    rows = ["| `hull` without | " + " | ".join(head) + " | evaluations until within the noise |"]
    rows.append("| --- " * (2 + len(head)) + "|")
    for without, name in WITHOUT.items():
        cells, found = [], pairs(without)
        for part in PARTS:
            mean, half = over_targets((pair.shelf, pair.gap(*part)) for pair in found)
            cells.append(f"{mean:+.2f} ± {half:.2f}")
        one, other = (
            _evaluations([(pair.shelf, getattr(pair, which)) for pair in found]) for which in ("without", "whole")
        )
        rows.append(f"| {name} | " + " | ".join(cells) + f" | {one} (with {other}) |")
    return rows


def _evaluations(lines: list[tuple[str, dict[str, Any]]]) -> str:
    """Median number of evaluations on each surface until the regret lies within the noise."""
    medians = [np.median([arrival(line)[0] for shelf, line in lines if shelf == name]) for name in shelves()]
    return ", ".join(f"{median:.0f}" for median in medians)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--evaluations", type=int, default=24)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="only write the table")
    options = parser.parse_args()
    if not options.table:
        LINES.fill(
            [
                (
                    {"shelf": shelf, "without": without, "repetition": repetition},
                    search,
                    (shelf, "hull", repetition, options.evaluations, without),
                )
                for repetition in range(options.repetitions)
                for shelf in shelves()
                for without in WITHOUT
            ],
            jobs=options.jobs,
        )
    fill(PAGE, [("priors", table)])


if __name__ == "__main__":
    main()
