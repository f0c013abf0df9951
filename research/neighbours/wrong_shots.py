"""What withstands shots with wrong labels?

    python -m research.neighbours.wrong_shots

5, 10 and 20 shots of every class, of which 0, 20 or 40 % have the label of another class, uniformly at random. A
network pretrained on the other sets (targets.py); plain error on the test part, five draws of shots, one pretraining.
Heads on frozen features with 5 and 10 shots, ways that train the network with 5 and 20, further radii for glyphs only.
Results: reports/data/neighbours_wrong_shots.jsonl. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.prototypes import PrototypeHead, PrototypeRule
from geosearch.adaptation.regularized import RegularizedFineTuning
from geosearch.adaptation.ridge import RidgeHead
from geosearch.adaptation.robust_prototypes import MedianPrototypes, SimilarityPrototypes
from geosearch.adaptation.shot_transformer import ShotTransformer
from geosearch.data.dataset import LabelledSet
from geosearch.nn.networks import Network
from geosearch.nn.streams import Pool, Stream
from research.common.lines import Lines
from research.neighbours.targets import PHOTOGRAPHS, TARGETS, draw_shots, for_target, network, read, sources

FILE = Lines(Path(__file__).parents[2] / "reports" / "data" / "neighbours_wrong_shots.jsonl")
DRAWS = 5
WRONG = (0.0, 0.2, 0.4)
HEADS: dict[str, Adaptation] = {
    "ridge": RidgeHead(),
    "prototypes": PrototypeHead(),
    "prototypes, median": PrototypeHead(MedianPrototypes()),
    "prototypes, similarity": PrototypeHead(SimilarityPrototypes()),
    "prototypes, transformer": PrototypeHead(ShotTransformer()),
}
WHOLE: dict[str, Adaptation] = {
    "fine-tune": FineTuning(),
    "regularized": RegularizedFineTuning(),
    "regularized, the ball alone": RegularizedFineTuning(threshold=1.0, reweighted=False),
    "regularized, radius 0.1": RegularizedFineTuning(radius=0.1),
    "regularized, radius 1": RegularizedFineTuning(radius=1.0),
}
RADII = ("regularized, radius 0.1", "regularized, radius 1")  # on glyphs: eleven seconds a training on photographs
KINDS = {"heads": (HEADS, (5, 10)), "whole": (WHOLE, (5, 20))}


@dataclass(frozen=True)
class Learned:
    """A rule that has learned already."""

    known: PrototypeRule

    def rule(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None) -> PrototypeRule:
        return self.known


def corrupted(data: LabelledSet, fraction: float, name: str, draw: int) -> LabelledSet:
    """The same images, a fraction of every class under the label of another class."""
    rng, labels, classes = seeds.stream(draw, "wrong shots", name), data.labels.copy(), len(data.classes)
    for label in range(classes):
        rows = rng.permutation(np.flatnonzero(data.labels == label))
        rows = rows[: round(fraction * len(rows))]
        labels[rows] = (label + rng.integers(1, classes, len(rows))) % classes
    return replace(data, labels=labels)


def errors(target: str, shots: int, draw: int, kind: str) -> dict[str, Any]:
    """Way -> fraction of wrong shots -> error in [0, 1] and processor seconds."""
    test, start, right, mixture = (
        read(target, "test"),
        network(target),
        draw_shots(target, shots, draw),
        Pool(sources(target)),
    )
    found: dict[str, dict[str, list[float]]] = {}
    for name, how in KINDS[kind][0].items():
        if name in RADII and target in PHOTOGRAPHS:
            continue
        if isinstance(how, PrototypeHead) and how.robust:  # what it learns does not depend on the labels: learned once
            how = PrototypeHead(Learned(how.robust.rule(start, right, draw, mixture)))
        how = for_target(how, target)
        for fraction in WRONG:
            begin, known = time.process_time(), corrupted(right, fraction, target, draw)
            scores = how.fit(start, known, draw, mixture).predict(test.images)
            error = float((scores.argmax(1) != test.labels).mean())
            found.setdefault(name, {})[str(fraction)] = [round(error, 5), round(time.process_time() - begin, 2)]
    return {"errors": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    asked = [
        (target, shots, draw, kind)
        for kind in parser.parse_args().kinds
        for draw in range(DRAWS)
        for target in TARGETS
        for shots in KINDS[kind][1]
    ]
    FILE.fill(
        [(dict(zip(("target", "shots", "draw", "kind"), one, strict=True)), errors, one) for one in asked], jobs=1
    )


if __name__ == "__main__":
    main()
