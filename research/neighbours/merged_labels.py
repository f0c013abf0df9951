"""Do global labels (MeLa) and turned images as further classes pretrain better than the disjoint union of the classes?

    python -m research.neighbours.merged_labels

Two questions. "typefaces": digits in four typefaces at 16 px, 2,000 images each; how many labels are inferred in each
embedding, and how pure are they? "targets": a network on the other sets (targets.py), whose classes are merged or not
(by random patches, or the pretrained features of photographs), and whose images are turned by right angles as further
classes or not (glyphs only: activations are not turned). Then a ridge head on 1 and 5 shots, and fine-tuning on 5;
plain error on the test part, three draws of shots, five pretrainings. Results:
reports/data/neighbours_merged_labels.jsonl. "targets" needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.ridge import RidgeHead
from geosearch.data.harmonization import harmonize
from geosearch.data.loaders.registry import load
from geosearch.embeddings.base import Embedding
from geosearch.embeddings.patches import RandomPatchFeatures
from geosearch.embeddings.pca import PCA
from geosearch.embeddings.pixels import Pixels
from geosearch.embeddings.source_classifier import SourceClassifier
from geosearch.mixture.label_spaces import DisjointLabels, FittedLabelSpace, MergedLabels
from geosearch.nn.streams import Batch, Pool
from geosearch.nn.train import pretrain
from geosearch.pretraining.rotated_classes import RotatedClasses
from geosearch.runtime.cache import Cache
from research.common.lines import Lines
from research.neighbours.targets import PHOTOGRAPHS, TARGETS, draw_shots, embedding, for_target, read, recipe, sources

FILE = Lines(Path(__file__).parents[2] / "reports" / "data" / "neighbours_merged_labels.jsonl")
SEEDS, DRAWS, IMAGES = 5, 3, 2000
FACES = ("sans", "serif", "mono", "computer-modern")
EMBEDDINGS: dict[str, Embedding] = {
    "patches": RandomPatchFeatures(),
    "pca": PCA(),
    "pixels": Pixels(),
    "source-classifier": SourceClassifier(),
}
WAYS = ("disjoint", "merged", "disjoint, turned", "merged, turned")
HEADS = {"ridge, 1 a class": (RidgeHead(), 1), "ridge, 5 a class": (RidgeHead(), 5), "fine-tune": (FineTuning(), 5)}


@dataclass(frozen=True)
class Relabelled:
    """A union of sets under the labels of a label space."""

    pool: Pool
    space: FittedLabelSpace

    @property
    def class_count(self) -> int:
        return len(self.space.class_names)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.pool.image_shape

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        for images, labels in self.pool.batches(size, rng):
            yield images, self.space.merge(labels)


def typefaces(name: str) -> dict[str, Any]:
    """Number of labels of the forty classes, and the share of classes whose label is mostly of their own digit."""
    sets = [harmonize(load(f"fonts/{face}-digits").take(range(IMAGES)), size=16, channels=1) for face in FACES]
    space = MergedLabels().fit(sets, EMBEDDINGS[name].fit(sets, seed=0, cache=Cache.default()))
    digits = np.tile(np.arange(10), len(sets))
    groups = np.array(space.groups)
    purity = sum(int(np.bincount(digits[groups == group]).max()) for group in np.unique(groups)) / len(groups)
    return {"labels": len(space.class_names), "purity": round(purity, 4)}


def targets(target: str, way: str, seed: int) -> dict[str, Any]:
    """Head -> errors in [0, 1] of the draws; number of labels, and processor seconds of the pretraining."""
    sets, test = sources(target), read(target, "test")
    kind = MergedLabels() if way.startswith("merged") else DisjointLabels()
    space = kind.fit(sets, embedding(target).fit(sets, seed=0, cache=Cache.default()))
    how = replace(recipe(target), objective=RotatedClasses() if way.endswith("turned") else None)
    begin = time.process_time()
    network = pretrain(Relabelled(Pool(sets), space), how, seed)
    seconds = time.process_time() - begin
    found: dict[str, list[float]] = {}
    for name, (head, count) in HEADS.items():
        for draw in range(DRAWS):
            fitted = for_target(head, target).fit(network, draw_shots(target, count, draw), draw)
            wrong = fitted.predict(test.images).argmax(1) != test.labels
            found.setdefault(name, []).append(round(float(wrong.mean()), 5))
    return {"errors": found, "labels": len(space.class_names), "seconds": round(seconds, 2)}


def main() -> None:
    asked = [
        ({"question": "targets", "target": target, "way": way, "seed": seed}, targets, (target, way, seed))
        for seed in range(SEEDS)
        for target in TARGETS
        for way in WAYS
        if not (target in PHOTOGRAPHS and way.endswith("turned"))
    ]
    FILE.fill([({"question": "typefaces", "embedding": name}, typefaces, (name,)) for name in EMBEDDINGS], jobs=1)
    FILE.fill(asked, jobs=1)


if __name__ == "__main__":
    main()
