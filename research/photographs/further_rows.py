"""Rows that whole studies with short searches do not train: retrieval of the nearest source images, and Mixup.

    python -m research.photographs.further_rows [--draws 5] [--shots 1 5 20 uneven] [--jobs 1]

On the labels of `searches.py`, trained and adapted as the confirmation of those studies does, with its seeds: the
quarter of all source images that is nearest to the target's unlabelled ones (`confirm.controls = ["retrieval"]`), and
the projection's weights with images that are paired at random (Mixup, Zhang et al. 2018). The tables of whole studies
show them beside the studies' own rows. Results: reports/data/photographs_further_rows.jsonl. Needs $GEOSEARCH_DATA with
`photos/` beside it.
"""

from __future__ import annotations

import argparse
from typing import Any

from geosearch.confirmation.candidates.retrieved import Retrieved
from geosearch.confirmation.row_request import RowRequest
from geosearch.mixture import Weights
from geosearch.mixture.retrieval import retrieve
from geosearch.runtime.parallel import one_thread
from geosearch.runtime.progress import Log
from research.common.lines import Lines
from research.photographs.confirmed import HEADS, Confirmed
from research.photographs.searches import LABELS, parse_labels
from research.photographs.sets import DRAWS, FOLDER, TARGETS

FILE = Lines(FOLDER / "photographs_further_rows.jsonl")
RETRIEVAL, MIXUP = "nearest source images", "mixup"
SHOWN = {RETRIEVAL: "retrieval (nearest source images)", MIXUP: "Mixup at the projection's weights"}


def rows(shots: int | str) -> dict[str, dict[tuple[str, int], dict[str, list[float]]]]:
    """Name in the tables -> (target, draw) -> head -> errors, of a number of labels a class."""
    lines = [(line["asked"], line) for line in FILE.all()]
    known = {(asked["target"], asked["draw"]): line for asked, line in lines if asked["shots"] == shots}
    return {name: {study: line[row] for study, line in known.items()} for row, name in SHOWN.items()}


def measured(target: str, shots: int | str, draw: int) -> dict[str, Any]:
    """Row -> head -> test errors, a number a seed."""
    with one_thread():
        study = Confirmed.of(target, shots, draw)
        unlabelled = study.prepared.unlabelled(study.file.recipe.unlabelled)
        nearest = Retrieved(retrieve(study.prepared.anchors, unlabelled.images), len(unlabelled))
        mixup = Weights.of(study.prepared.hull.projection().values, pairing="random")
        requests = (RowRequest(RETRIEVAL, nearest), RowRequest(MIXUP, study.plain(mixup)))
        predicted = study.confirmer.predict(requests, study.numbers, jobs=1, progress=Log()).classes
    return {row: {name: study.errors(found[name]) for name in HEADS} for row, found in predicted.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument(
        "--shots", type=parse_labels, nargs="+", choices=LABELS, default=list(LABELS), help="labels a class"
    )
    parser.add_argument("--jobs", type=int, default=1, help="studies side by side")
    options = parser.parse_args()
    FILE.fill(
        [
            ({"target": target, "shots": shots, "draw": draw}, measured, (target, shots, draw))
            for shots in options.shots
            for draw in range(options.draws)
            for target in TARGETS
        ],
        jobs=options.jobs,
    )


if __name__ == "__main__":
    main()
