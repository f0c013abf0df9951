"""What are the weights worth that descend the shots' error in one training, beside a search?

    python -m research.neighbours.hypergradient

One training (`SourceWeighting`) among the sources of every tabulated surface (research/transfer/surfaces.py), on the
shots or on the pseudo-labelled images that the objective of a search uses. Its options were chosen on the surfaces in
CHOICE, one seed (`--choose`), and checked on the others; hypergradient_tables.py makes the table. Results:
reports/data/neighbours_hypergradient.jsonl. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
import time
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.nn.train import pretrain
from geosearch.pretraining.hypergradient import HYPERGRADIENTS
from geosearch.pretraining.source_weighting import SourceWeighting
from research.common.lines import Lines
from research.transfer.surfaces import SHELVES, ground

FILE = Lines(Path(__file__).parents[2] / "reports" / "data" / "neighbours_hypergradient.jsonl")
CHOICE = ("mnist/3", "usps/3", "mnist/5")
KINDS = ("look-ahead", "implicit")
LABELS = ("shots", "pseudo-labels")
GRID = tuple(product((0.1, 0.2), (2, 5)))  # rate, every
CHOSEN = (0.2, 5)
WAYS = (("look-ahead", "pseudo-labels"), ("look-ahead", "shots"), ("implicit", "pseudo-labels"))


def weighting(
    collection: str, seed: int, repeat: int, kind: str, labels: str, rate: float, every: int
) -> dict[str, Any]:
    """Weights, and processor seconds of the training beside those of a plain one."""
    ready, _, objective = ground(collection, seed)
    m = len(SHELVES[collection])
    sources = [Mixture(ready.anchors, Weights.single(i, m)) for i in range(m)]
    images = ready.target.shots if labels == "shots" else objective.images
    method = SourceWeighting(objective.recipe, HYPERGRADIENTS.build(kind, {}), every=every, rate=rate)
    plain, start = plain_seconds(collection, seed), time.process_time()
    found = method.train(sources, images, seeds.integer(repeat, "hypergradient"))
    return {
        "weights": found.weights.round(4).tolist(),
        "path": found.path[:: max(len(found.path) // 30, 1)].round(3).tolist(),
        "seconds": round(time.process_time() - start, 2),
        "plain_seconds": round(plain, 2),
    }


@cache
def plain_seconds(collection: str, seed: int) -> float:
    """Processor seconds of one training on all sources alike."""
    ready, _, objective = ground(collection, seed)
    m, start = len(SHELVES[collection]), time.process_time()
    pretrain(Mixture(ready.anchors, Weights.of(np.full(m, 1 / m), concentration=0)), objective.recipe, 0)
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shelves", nargs="+", choices=SHELVES, default=list(SHELVES))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--choose", action="store_true", help="the grid on the surfaces in CHOICE")
    options = parser.parse_args()
    names = ("shelf", "seed", "repeat", "kind", "labels", "rate", "every")
    if options.choose:
        asked = [(shelf, 0, 0, *rest) for shelf in CHOICE for *rest, _ in product(KINDS, LABELS, (0,))]
        asked = [(*one, rate, every) for one in asked for rate, every in GRID]
    else:
        places = [(shelf, seed) for seed in range(options.seeds) for shelf in options.shelves]
        asked = [
            (*place, repeat, *way, *CHOSEN) for way in WAYS for place in places for repeat in range(options.repeats)
        ]
    FILE.fill([(dict(zip(names, one, strict=True)), weighting, one) for one in asked], jobs=1)


if __name__ == "__main__":
    main()
