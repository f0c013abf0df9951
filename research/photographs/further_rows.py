"""Rows that whole studies with short searches do not train: retrieval of the nearest source images, and Mixup.

    python -m research.photographs.further_rows [--draws 5] [--jobs 1]

On the labels of `searches.py` at five a class, trained and adapted as the confirmation of those studies does, with its
seeds: the quarter of all source images that is nearest to the target's unlabelled ones (`confirm.controls =
["retrieval"]`), and the projection's weights with images that are paired at random (Mixup, Zhang et al. 2018). Results:
reports/data/photographs_further_rows.jsonl. Needs $GEOSEARCH_DATA with `photos/` beside it.
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.adaptation.head_choice import RIDGE, SELF_TRAINED
from geosearch.config.build import build_mixing_space
from geosearch.confirmation.candidates.plain import Plain
from geosearch.confirmation.candidates.retrieved import Retrieved
from geosearch.confirmation.row_request import RowRequest
from geosearch.mixture import Mixture, Weights
from geosearch.mixture.retrieval import retrieve
from geosearch.runtime.cache import Cache
from geosearch.runtime.parallel import one_thread
from geosearch.runtime.progress import Log
from geosearch.study.build_confirmation import build_confirmer, choose_interpolation
from geosearch.study.prepare import prepare
from research.common.lines import Lines
from research.photographs.cells import interval
from research.photographs.searches import BUDGET, SETTINGS
from research.photographs.sets import DRAWS, FOLDER, TARGETS
from research.photographs.study_files import study_file
from research.photographs.whole_studies import ADAPTATIONS, answered

FILE = Lines(FOLDER / "photographs_further_rows.jsonl")
SHOTS = 5
RETRIEVAL, MIXUP = "nearest source images", "mixup"


def measured(target: str, draw: int) -> dict[str, Any]:
    """Row -> head -> test errors, a number a seed."""
    file = study_file(target, SHOTS, draw, {**BUDGET, "recipe": SETTINGS["union"]}).with_adaptation(SELF_TRAINED)
    cache = Cache.default()
    prepared = prepare(file, build_mixing_space(file), cache, lambda name: nullcontext())
    anchors, unlabelled = prepared.anchors, prepared.unlabelled(file.recipe.unlabelled)
    mixup = Weights.of(prepared.hull.projection().values, pairing="random")
    with one_thread():
        confirmer = build_confirmer(file, prepared, cache, fine_tunes_mixtures=False)
        rows = (
            RowRequest(RETRIEVAL, Retrieved(retrieve(anchors, unlabelled.images), len(unlabelled))),
            RowRequest(MIXUP, Plain(Mixture(anchors, mixup), None, choose_interpolation(file, {})(mixup))),
        )
        numbers = [seeds.integer(file.study.seed, "confirmation", i) for i in range(file.confirm.seeds)]
        predicted = confirmer.predict(rows, numbers, jobs=1, progress=Log()).classes
    sealed = prepared.target.test_labels  # as in `Confirmer.run`, which needs a best mixture
    assert sealed is not None
    truth = sealed.reveal()
    return {
        row: {name: [round(float((one != truth).mean()), 5) for one in found[name]] for name in (RIDGE, SELF_TRAINED)}
        for row, found in predicted.items()
    }


def table() -> list[str]:
    """Errors in %, and the paired differences from the answers of the studies, with intervals over the draws."""
    known = {(line["asked"]["target"], line["asked"]["draw"]): line for line in FILE.all()}
    draws = [draw for draw in range(DRAWS) if all((target, draw) in known for target in TARGETS)]
    if len(draws) < 2:
        return []
    answer = answered(SHOTS)
    lines = [f"| {SHOTS} a class, {len(draws)} draws | {' | '.join(TARGETS)} | mean difference |"]
    lines.append("| --- " * (len(TARGETS) + 2) + "|")
    for row in (RETRIEVAL, MIXUP):
        for head in (RIDGE, SELF_TRAINED):
            errors = {t: np.array([np.mean(known[t, draw][row][head]) for draw in draws]) for t in TARGETS}
            gaps = {t: 100 * (errors[t] - answer[t][draws]) for t in TARGETS}
            cells = [f"{100 * errors[t].mean():.1f} ({interval(gaps[t])})" for t in TARGETS]
            means = np.array([gaps[t].mean() for t in TARGETS])
            lines.append(f"| {row}, {ADAPTATIONS[head]} | {' | '.join(cells)} | {interval(means)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--jobs", type=int, default=1, help="studies side by side")
    options = parser.parse_args()
    FILE.fill(
        [
            ({"target": target, "draw": draw}, measured, (target, draw))
            for draw in range(options.draws)
            for target in TARGETS
        ],
        jobs=options.jobs,
    )


if __name__ == "__main__":
    main()
