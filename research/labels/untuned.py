"""Where adaptations cannot be tuned: the study's default settings, or those that the tuner falls back on?

    python -m research.labels.untuned [--draws 3] [--table]

With one label a class, and in the folds of a cross-fitting, nothing can be tuned. Test error of networks that are
fine-tuned whole on 1, 2 and 5 labels a class, with the default settings and with `Tuner.reference`: the pooled union's
network (1,000 steps) and a fresh one. Glyphs of 16 px; kmnist, fashion_mnist, usps and az_letters chose the
reference's settings at five labels a class, mnist did not. Results: reports/data/untuned.jsonl and the table of
reports/small-labels.md. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.from_scratch import LENGTH, fresh_network, lengthen
from geosearch.adaptation.tuning import Tuner
from geosearch.config.build import build_adaptation
from research.common.intervals import over_targets
from research.common.lines import Lines
from research.common.mixtures import GREY, LONG, Cell, candidates, ground, study_file
from research.common.page import fill

REPORTS = Path(__file__).parents[2] / "reports"
LINES = Lines(REPORTS / "data" / "untuned.jsonl")
SHOTS = (1, 2, 5)
STARTS, SETTINGS = ("pooled union", "no pretraining"), ("default", "reference")


def errors(target: str, draw: int, shots: int) -> dict[str, Any]:
    """Test error in [0, 1] of each start with each of two settings, and processor seconds of the training."""
    own, tuner = ground(target, draw), Tuner(0, longest=round(LENGTH * LONG))
    known, recipe = own.shots(shots), own.recipe.scaled(LONG)
    seed = seeds.integer(draw, "untuned")
    pooled = Cell(target, draw, list(candidates(target, draw)).index("pooled union"))
    default = build_adaptation("fine-tune", study_file(target, draw))
    assert isinstance(default, FineTuning)
    found: dict[str, Any] = {}
    for start, is_trained in zip(STARTS, (True, False), strict=True):
        network = pooled.network(LONG) if is_trained else fresh_network(known, recipe, seed)
        usual = default if is_trained else lengthen(default, recipe)
        for name, how in zip(SETTINGS, (usual, tuner.reference(usual, is_trained=is_trained)), strict=True):
            begin = time.process_time()
            scores = how.fit(network, known, seed).predict(own.prepared.target.test_images)
            found[f"{start}, {name}"] = [round(own.wrong(scores), 5), round(time.process_time() - begin, 2)]
    return {"errors": found}


def table() -> list[str]:
    """Markdown: error in % of each, and what the reference gains, over the targets."""
    rows = ["| labels a class | start | default settings | reference settings | difference | on mnist |"]
    rows.append("| --- " * 6 + "|")
    for shots, start in product(SHOTS, STARTS):
        lines = [line for line in LINES.all() if line["asked"]["shots"] == shots]
        targets = [line["asked"]["target"] for line in lines]
        before, after = (100 * np.array([line["errors"][f"{start}, {name}"][0] for line in lines]) for name in SETTINGS)
        gain, half = over_targets(zip(targets, after - before, strict=True))
        mnist = (after - before)[np.array(targets) == "mnist"].mean()
        means = " | ".join(f"{over_targets(zip(targets, one, strict=True))[0]:.1f}" for one in (before, after))
        rows.append(f"| {shots} | {start} | {means} | {gain:+.1f} ± {half:.1f} | {mnist:+.1f} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--table", action="store_true", help="only write the table")
    options = parser.parse_args()
    if not options.table:
        asked = [(target, draw, shots) for draw in range(options.draws) for target in GREY for shots in SHOTS]
        LINES.fill([(dict(zip(("target", "draw", "shots"), one, strict=True)), errors, one) for one in asked], jobs=1)
    fill(REPORTS / "small-labels.md", [("untuned", table)])


if __name__ == "__main__":
    main()
