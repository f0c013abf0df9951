"""What do the ways give that need the library's maps: the paper's projection, its cloud, retrieval of near images?

    python -m research.photographs.maps [--draws 2]

Everything but the heads is the library's own: activations at the cut, barycentric maps of the target's images (labels
spread from five shots a class) to the six sources, the projection of the target on their hull, and 150 steps of the
last block with its recipe. Beside them, trained alike: the pooled union and, through the same maps, the uniform cloud.
Errors of the ridge head on the new features, and self-trained. Results: reports/data/photographs_maps.jsonl.
"""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

import numpy as np

from geosearch.config.build import build_mixing_space, build_recipe
from geosearch.mixture import Mixture, Weights
from geosearch.mixture.baselines import CLOUD, CLOUD_CONCENTRATION, POOLED, PROJECTION
from geosearch.mixture.retrieval import RetrievedPool, retrieve
from geosearch.nn.train import features, pretrain
from geosearch.runtime.cache import Cache
from geosearch.runtime.parallel import one_thread
from geosearch.study.prepare import Prepared, prepare
from research.common.lines import Lines
from research.photographs import heads
from research.photographs.heads import Few
from research.photographs.scoring import SELF_TRAINING
from research.photographs.sets import FOLDER, TARGETS, task
from research.photographs.study_files import study_file

FILE = Lines(FOLDER / "photographs_maps.jsonl")
SHOTS = 5
NONE, RETRIEVAL, UNIFORM = "none", "retrieval", "uniform cloud"
WAYS = (NONE, POOLED, PROJECTION, CLOUD, UNIFORM, RETRIEVAL)


def measured(target: str, draw: int, way: str) -> dict[str, Any]:
    """Errors of the ridge head and of self-training on the features of what a way trains, and the weights."""
    prepared = made(target, draw)
    pool = stream(prepared, way)
    file = study_file(target, SHOTS, draw, CHANGES)
    recipe = build_recipe(file, prepared.network)
    with one_thread():
        if pool is None:
            h, _, ch = prepared.anchors.reference.shape
            network = recipe.network.build(ch, h, 2, seed=0)
        else:
            network = pretrain(pool, recipe, seed=0)
        collection = prepared.collection
        assert collection.unlabelled is not None
        assert collection.test is not None
        parts = (collection.train.images, collection.unlabelled.images, collection.test.images)
        z, u, x = (features(network, images) for images in parts)
    labelled = Few(z, collection.train.labels, len(task(target).classes), u)
    labels = collection.test.labels
    return {
        "ridge": round(heads.error(heads.ridge(labelled), x, labels)[0], 5),
        "again": round(heads.error(heads.self_trained(labelled, **SELF_TRAINING), x, labels)[0], 5),
        "weights": shares(pool),
    }


CHANGES = {  # as the defaults were when this was measured
    "domain": {"pseudo_labels": "spreading"},
    "recipe": {"learning_rate": 0.001, "steps": 150},
}


@lru_cache(maxsize=1)
def made(target: str, draw: int) -> Prepared:
    """The prepared data of a target under a draw of labels."""
    file = study_file(target, SHOTS, draw, CHANGES)

    def stage(name: str) -> AbstractContextManager[None]:
        return nullcontext()

    return prepare(file, build_mixing_space(file), Cache.default(), stage)


def stream(prepared: Prepared, way: str) -> Mixture | RetrievedPool | None:
    """What a way trains on; None if on nothing."""
    anchors = prepared.anchors
    m = len(anchors.sources)
    projected = prepared.hull.projection().values
    if way == RETRIEVAL:
        return retrieve(anchors, prepared.unlabelled(len(prepared.pool)).images)
    points = {
        POOLED: Weights.pooled([len(source) for source in prepared.collection.sources]),
        PROJECTION: Weights.of(projected),
        CLOUD: Weights.of(projected, concentration=CLOUD_CONCENTRATION),
        UNIFORM: Weights.of(np.full(m, 1 / m), concentration=CLOUD_CONCENTRATION),
    }
    return Mixture(anchors, points[way]) if way in points else None


def shares(pool: Mixture | RetrievedPool | None) -> list[float]:
    """Of each source."""
    if pool is None:
        return []
    values = pool.shares if isinstance(pool, RetrievedPool) else pool.weights.values
    return [round(float(value), 4) for value in values]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    options = parser.parse_args()
    FILE.fill(
        [
            ({"target": target, "draw": draw, "way": way}, measured, (target, draw, way))
            for draw in range(options.draws)
            for target in options.targets
            for way in WAYS
        ],
        jobs=1,
    )


if __name__ == "__main__":
    main()
