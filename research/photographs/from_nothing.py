"""What does a study of photographs lose without a pretrained network?

    python -m research.photographs.from_nothing

A small network of 32 px, trained for 300 steps on the pooled sources from random weights, before a ridge head on the
labels that the other measurements have. Results: reports/data/photographs_from_nothing.jsonl.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import resize
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool
from geosearch.nn.train import features, pretrain
from research.common.lines import Lines
from research.photographs import heads
from research.photographs.heads import Few
from research.photographs.sets import DRAWS, FOLDER, SHOTS, TARGETS, photos, sources_of, task

FILE = Lines(FOLDER / "photographs_from_nothing.jsonl")
_SIDE = 32  # pixels
RECIPE = Recipe(SmallConv(16), steps=300, augmentation=Augmentation(recolour=0.0, flip=True))


def trained(target: str) -> dict[str, Any]:
    """Test errors by number of labels a class, one for each draw."""
    known, images = task(target), resize(photos(target).images, _SIDE)
    sources = tuple(_source(name) for name in sources_of(target))
    network = pretrain(Pool(sources), RECIPE, seed=0)
    z = features(network, images[known.rows])
    test = z[len(known.train) :]
    errors = {}
    for shots in SHOTS:
        rows = [known.draw(shots, draw) for draw in range(DRAWS)]
        fits = [heads.ridge(Few(z[some], known.train_labels[some], len(known.classes), z[:0])) for some in rows]
        errors[str(shots)] = [float((head(test).argmax(1) != known.test_labels).mean()) for head in fits]
    return {"errors": errors}


def _source(name: str) -> LabelledSet:
    whole = photos(name)
    rows = slice(0, whole.train)
    return LabelledSet(resize(whole.images[rows], _SIDE), whole.labels[rows], whole.classes, name)


def by_target(shots: int) -> dict[str, float]:
    """Mean test error of every target that was measured."""
    return {line["asked"]["target"]: float(np.mean(line["errors"][str(shots)])) for line in FILE.all()}


if __name__ == "__main__":
    FILE.fill([({"target": target}, trained, (target,)) for target in TARGETS], jobs=1)
    for number in SHOTS:
        print(number, {name: f"{100 * error:.1f}" for name, error in by_target(number).items()})
