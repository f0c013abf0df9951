"""Can the labels themselves tell which way without a source to take?

    python -m research.photographs.choice

Every way's error by cross-validation on the labels (five folds, each with as many labels of every class; those left out
join the unlabelled images), at 5 and 20 labels a class. Results: reports/data/photographs_choice.jsonl.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import numpy as np

from research.common.lines import Lines
from research.photographs import heads
from research.photographs.heads import Few
from research.photographs.scoring import SELF_TRAINING, few
from research.photographs.sets import DRAWS, FOLDER, TARGETS
from research.photographs.without import pretrained

FILE = Lines(FOLDER / "photographs_choice.jsonl")
FOLDS = 5
SPREADING = {"neighbours": 10, "alpha": 0.9, "balance": 0.5}  # chosen in without.py
WAYS = {
    "ridge": heads.ridge,
    "label spreading": lambda few: heads.spreading(few, **SPREADING),
    "self-training": lambda few: heads.self_trained(few, **SELF_TRAINING),
}


def preferred(errors: Mapping[str, float]) -> str:
    """The way of least error; self-training among equals, and so it is in `geosearch.adaptation.head_choice`.

    >>> preferred({"ridge": 0.2, "label spreading": 0.2, "self-training": 0.2})
    'self-training'
    """
    return min(errors, key=lambda way: (errors[way], way != "self-training"))


def validated(target: str, shots: int, draw: int) -> dict[str, Any]:
    """Share of wrong labels among those left out, of each way."""
    return {"errors": cross_validated(few(target, shots, draw, pretrained(target)), shots)}


def cross_validated(labelled: Few, shots: int) -> dict[str, float]:
    """Way -> share of wrong labels among those left out; labels are sorted by class, as many of each."""
    fold = np.arange(len(labelled.y)) % shots % FOLDS
    wrong = dict.fromkeys(WAYS, 0)
    for number in range(FOLDS):
        out = fold == number
        rest = Few(labelled.z[~out], labelled.y[~out], labelled.c, np.concatenate([labelled.u, labelled.z[out]]))
        for name, way in WAYS.items():
            wrong[name] += int((way(rest)(labelled.z[out]).argmax(1) != labelled.y[out]).sum())
    return {name: round(count / len(labelled.y), 4) for name, count in wrong.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shots", nargs="+", type=int, default=[5, 20])
    options = parser.parse_args()
    FILE.fill(
        [
            ({"target": target, "shots": shots, "draw": draw}, validated, (target, shots, draw))
            for shots in options.shots
            for target in TARGETS
            for draw in range(DRAWS)
        ],
        jobs=1,
    )


if __name__ == "__main__":
    main()
