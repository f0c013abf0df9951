"""Do the distance and the error draw the same map of a hull? 66 mixtures of three sources, on a grid.

    python benchmarks/ternary.py [--seeds 2]

For two targets: held-out OTDD, and the test error after 300 steps (5 shots, a head trained on them). Results:
reports/data/ternary.jsonl; the same command goes on where it stopped. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from lines import Lines
from mixtures import DATA, SHORT, study_file

from geosearch import seeds
from geosearch.cache import Cache
from geosearch.evaluate.adaptation import HeadOnly
from geosearch.evaluate.train import pretrain
from geosearch.geodesic.mixture import Mixture
from geosearch.geodesic.simplex import Weights
from geosearch.options import recipe_of, space_of
from geosearch.prepare import Prepared, prepare
from geosearch.search.proxy import HeldOut

FOLDER = Path(__file__).parents[1] / "reports" / "data"
TARGETS = {"mnist": ("usps", "kmnist", "az_letters"), "kmnist": ("mnist", "fashion_mnist", "az_letters")}
PARTS = 10  # the grid's steps along a side
GRID = [(i, j, PARTS - i - j) for i in range(PARTS + 1) for j in range(PARTS + 1 - i)]
CONCENTRATION = 2.0


@lru_cache(maxsize=1)
def prepared(target: str, seed: int) -> tuple[Prepared, HeldOut]:
    file = study_file(target, seed, "refined")
    sources = tuple(f"npz:{DATA / source}.npz" for source in TARGETS[target])
    file = file.model_copy(update={"domain": file.domain.model_copy(update={"sources": sources})})
    ready = prepare(file, space_of(file), Cache.default(), lambda name: nullcontext())
    return ready, HeldOut.of(ready.anchors, ready.target.held_out, samples=400, seed=seed)


def point(target: str, seed: int, parts: tuple[int, int, int]) -> dict[str, Any]:
    """Distance (squared feature units) and test error in [0, 1] of one mixture, as a cloud."""
    ready, held_out = prepared(target, seed)
    weights = Weights.of(np.array(parts) / PARTS, concentration=CONCENTRATION)
    number = seeds.integer(seed, "ternary")
    network = pretrain(Mixture(ready.anchors, weights), recipe_of(study_file(target, seed)).scaled(SHORT), number)
    guess = HeadOnly().fit(network, ready.target.shots, number).predict(ready.target.test_images).argmax(1)
    error = float((guess != ready.target.test_labels.reveal()).mean())
    return {"otdd": held_out.otdd(weights), "error": error}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    Lines(FOLDER / "ternary.jsonl").fill(
        [
            ({"target": target, "seed": seed, "parts": "-".join(map(str, parts))}, point, (target, seed, parts))
            for seed in range(options.seeds)
            for target in TARGETS
            for parts in GRID
        ],
        jobs=options.jobs,
    )


if __name__ == "__main__":
    main()
