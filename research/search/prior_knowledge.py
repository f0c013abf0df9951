"""What is each piece of prior knowledge of a search worth? Whole searches without it, on the tabulated surfaces.

    python -m research.search.prior_knowledge [--repetitions 15] [--table]

`hull` begins with three cheap scores: the closed form, the proxy (debiased held-out OTDD) and the derivative of the shots'
error in the sources' weights. Here it goes without one or two of them, under the same noise as in samplers.py, whose
searches have all three: without the proxy the closed form stands in its place. Results:
reports/data/search_priors.jsonl, and the table of reports/search.md.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from research.common.intervals import over_targets
from research.common.lines import Lines
from research.common.page import fill
from research.search.samplers import FOLDER, PAGE, arrival, search, shelves

LINES = Lines(FOLDER / "search_priors.jsonl")
WITHOUT = ("proxy", "derivative", "both")
PARTS = ((1, 1), (2, 5), (6, 12), (13, 24))  # first and last evaluation


def table() -> list[str]:
    """Markdown: regret without a score minus with all, in units of the noise, and evaluations until within the noise."""
    whole = {
        (line["asked"]["shelf"], line["asked"]["repetition"]): line
        for line in Lines(FOLDER / "search.jsonl").all()
        if line["asked"]["sampler"] == "hull"
    }
    head = [f"evaluation {first}" if first == last else f"{first} to {last}" for first, last in PARTS]
    rows = ["| `hull` without | " + " | ".join(head) + " | evaluations until within the noise |"]
    rows.append("| --- " * (2 + len(head)) + "|")
    for without in WITHOUT:
        lines = [line for line in LINES.all() if line["asked"]["without"] == without]
        pairs = [(line, whole[line["asked"]["shelf"], line["asked"]["repetition"]]) for line in lines]
        cells = []
        for first, last in PARTS:
            mean, half = over_targets(
                (line["asked"]["shelf"], _gap(line, all_three, first, last)) for line, all_three in pairs
            )
            cells.append(f"{mean:+.2f} ± {half:.2f}")
        medians = " and ".join(
            f"{np.median([np.median([arrival(pair[i])[0] for pair in pairs if pair[0]['asked']['shelf'] == name]) for name in shelves()]):.1f}"
            for i in range(2)
        )
        rows.append(
            f"| {'the proxy and the derivative' if without == 'both' else f'the {without}'} | "
            + " | ".join([*cells, medians])
            + " |"
        )
    return rows


def _gap(line: dict[str, Any], whole: dict[str, Any], first: int, last: int) -> float:
    """Mean difference of the regrets over some evaluations, in units of the noise."""
    one, other = (np.array(each["regret"][first - 1 : last]) for each in (line, whole))
    return float((one - other).mean() / line["noise"])


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
