"""How well do ways without a source do on the features of the pretrained encoder?

    python -m research.photographs.without

Errors on the test parts of six targets, with 1, 5 and 20 labels a class, five draws each, of heads on pooled features;
what trains the last block too is in blocks.py. Results: reports/data/photographs_without.jsonl.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np

from research.common.lines import Lines
from research.photographs import heads
from research.photographs.heads import Few, Head
from research.photographs.scoring import features, few
from research.photographs.sets import DRAWS, FOLDER, SHOTS, TARGETS, task

FILE = Lines(FOLDER / "photographs_without.jsonl")

HEADS: Mapping[str, Callable[[Few], Head]] = {
    "ridge": heads.ridge,
    "logistic regression": heads.logistic,
    "nearest mean": heads.nearest_mean,
}
TUNED: Mapping[str, tuple[Callable[..., Head], tuple[Mapping[str, Any], ...]]] = {
    "label spreading": (
        heads.spreading,
        tuple({"neighbours": k, "alpha": 0.9, "balance": b} for k in (10, 25) for b in (0.0, 0.5, 1.0)),
    ),
    "self-training": (
        heads.self_trained,
        tuple(
            {"fraction": f, "balance": b, "rounds": r, "penalty": 3.0}
            for f, r in ((0.8, 1), (0.8, 4), (0.5, 4))
            for b in (0.0, 0.5, 1.0)
        ),
    ),
}


@lru_cache(maxsize=1)
def pretrained(target: str) -> np.ndarray:
    return features(None, target)


def fitted(target: str, shots: int, draw: int) -> dict[str, Any]:
    """Test error, balanced test error and seconds of every head."""
    z, known = pretrained(target), task(target)
    labelled, test, y = few(target, shots, draw, z), z[len(known.train) :], known.test_labels
    ways = dict(HEADS)
    for name, (function, grid) in TUNED.items():
        ways |= {f"{name} {setting(options)}": partial(function, **options) for options in grid}
    errors = {}
    for name, way in ways.items():
        start = time.process_time()
        plain, balanced = heads.error(way(labelled), test, y)
        errors[name] = [round(plain, 4), round(balanced, 4), round(time.process_time() - start, 2)]
    return {"errors": errors}


def setting(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in options.items())


def main() -> None:
    FILE.fill(
        [
            ({"target": target, "shots": shots, "draw": draw}, fitted, (target, shots, draw))
            for target in TARGETS
            for shots in SHOTS
            for draw in range(DRAWS)
        ],
        jobs=1,
    )


if __name__ == "__main__":
    main()
