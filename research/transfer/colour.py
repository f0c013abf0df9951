"""Targets in colour, sources of other channels and sizes: what recolouring gains, and what it loses.

    python -m research.transfer.colour [--targets mnist_m svhn_small cifar10_small] [--seeds 2]

For each target and seed, with `recipe.recolour` at 1 and at 0: how many pseudo-labels of the reference are right, and
the test errors of few shots and of the usual mixtures by the product's own confirmation, 1,000 steps. Grey sets have
28 px, USPS 16, the colour sets 32; all are brought to 16. Results: a line each in reports/data/colour.jsonl; the same
command goes on where it stopped. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
import time
from contextlib import nullcontext
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.config.build import build_mixing_space
from geosearch.confirmation.row import NO_PRETRAINING
from geosearch.mixture.baselines import CLOUD, POOLED, PROJECTION, SINGLE
from geosearch.runtime.cache import Cache
from geosearch.study.baselines import build_baselines
from geosearch.study.build_confirmation import build_confirmer
from geosearch.study.prepare import prepare
from research.common.lines import Lines
from research.common.mixtures import COLOUR, LONG, SHORT, study_file
from research.transfer.contest import confirmed, errors_of

FOLDER = Path(__file__).parents[2] / "reports" / "data"
ADAPTATIONS = ("ridge", "linear-probe", "fine-tune")
BEST_SINGLE = "best single source, by test error"
ROWS = (NO_PRETRAINING, BEST_SINGLE, POOLED, PROJECTION, CLOUD)


def colour(target: str, seed: int, recolour: float) -> dict[str, Any]:
    """Row -> adaptation -> test error in [0, 1], and the share of pseudo-labels that are right."""
    start, cache = time.perf_counter(), Cache.default()
    recipe = {"steps": SHORT, "long_steps": LONG, "recolour": recolour, "adaptation": "linear-probe"}
    file = study_file(target, seed, "ensemble", recipe=recipe)
    prepared = prepare(file, build_mixing_space(file), cache, lambda name: nullcontext())
    confirmer, number = build_confirmer(file, prepared, cache), seeds.integer(seed, "confirmation", 0)
    truth = prepared.train.labels[prepared.target.rows["reference"]]
    errors = {role: confirmed(confirmer, weights, number)[0] for role, weights in build_baselines(prepared).items()}
    errors[NO_PRETRAINING] = errors_of(confirmer, None, number)[0]
    right = float((prepared.target.reference.labels == truth).mean())
    return {"errors": errors, "right": right, "seconds": time.perf_counter() - start}


def table(lines: list[dict[str, Any]]) -> list[str]:
    """Markdown: target, recolour, right pseudo-labels, and the rows under a trained head and fine-tuned, in %."""
    rows = ["| target | recolour | pseudo-labels right | " + " | ".join(ROWS) + " |"]
    rows.append("| --- " * (3 + len(ROWS)) + "|")
    for target in COLOUR:
        for recolour in (1.0, 0.0):
            asked = {"target": target, "recolour": recolour}
            found = [line for line in lines if asked.items() <= line["asked"].items()]
            if not found:
                continue
            right = np.mean([100 * line["right"] for line in found])
            cells = [
                " / ".join(f"{np.mean([value(line, row, way) for line in found]):.1f}" for way in ADAPTATIONS)
                for row in ROWS
            ]
            rows.append(f"| {target} | {recolour:g} | {right:.0f} | " + " | ".join(cells) + " |")
    return rows if len(rows) > 2 else []


def noise(lines: list[dict[str, Any]]) -> list[str]:
    """Markdown: how far the seeds of a cell of the table lie apart, in points."""
    cells: dict[Any, list[float]] = {}
    for line in lines:
        for row, way in product(ROWS, ADAPTATIONS):
            cells.setdefault((line["asked"]["target"], line["asked"]["recolour"], row, way), []).append(
                value(line, row, way)
            )
    spreads = [float(np.std(values, ddof=1)) for values in cells.values() if len(values) > 1]
    if not spreads:
        return []
    count, (middle, high) = len({line["asked"]["seed"] for line in lines}), np.quantile(spreads, (0.5, 0.9))
    return [f"{count} seeds; standard deviation of a cell: {middle:.1f} points in the middle, {high:.1f} in one of 10."]


def value(line: dict[str, Any], row: str, adaptation: str) -> float:
    """Test error in %."""
    errors = line["errors"]
    if row == BEST_SINGLE:
        return 100 * float(min(found[adaptation] for role, found in errors.items() if role.startswith(SINGLE)))
    return 100 * float(errors[row][adaptation])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=list(COLOUR))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    kept = Lines(FOLDER / "colour.jsonl")
    kept.fill(
        [
            ({"target": target, "seed": seed, "recolour": recolour}, colour, (target, seed, recolour))
            for seed in range(options.seeds)
            for target in options.targets
            for recolour in (1.0, 0.0)
        ],
        jobs=options.jobs,
    )
    print("\n".join(table(kept.all())))


if __name__ == "__main__":
    main()
