"""Which weighting of samples finds wrong labels and images from elsewhere, and what does the target gain?

    python -m research.neighbours.wrong_labels

A source of up to 1,000 images of the target's training set: 0, 20, 40 or 60 % of its labels wrong, uniformly, or each
class taken for the one that a linear head most often takes it for ("pairs"); or half of it images of another set under
labels at random ("polluted"), or turned by 90 degrees under their own labels ("turned"). Five clean shots a class. A
network (targets.py; `SmallConv(8)` for glyphs) is trained: on source and shots together ("none"), with each weighting,
the shots being its clean samples, or on the shots and the samples that the derivative does not find harmful
("derivative"). Error on the test part of the network as it is, and of a ridge head on the shots; AUC of the weights as
detectors of what is right. Five seeds; for photographs, which take two minutes each, only the first five sources.
Results: reports/data/neighbours_wrong_labels.jsonl. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from geosearch import seeds
from geosearch.adaptation.ridge import RidgeHead, one_hot, ridge_fit
from geosearch.curation.curation import Curation
from geosearch.data.dataset import LabelledSet
from geosearch.nn.networks import Network
from geosearch.nn.streams import Pool
from geosearch.nn.train import predict, pretrain
from geosearch.pretraining.advisor import AdvisorNetwork
from geosearch.pretraining.domain_weighting import DomainWeighting
from geosearch.pretraining.importance_weighting import ImportanceWeighting
from geosearch.pretraining.mentor import MentorNet
from geosearch.pretraining.meta_reweighting import MetaReweighting
from geosearch.pretraining.sample_weighting import SampleWeighting
from research.common.lines import Lines
from research.neighbours.targets import GLYPHS, PHOTOGRAPHS, UNRELATED, embedding, read, recipe, turned

FILE = Lines(Path(__file__).parents[2] / "reports" / "data" / "neighbours_wrong_labels.jsonl")
IMAGES, SHOTS, RIDGE, WIDTH = 1000, 5, 10.0, 8
METHODS: dict[str, type[SampleWeighting]] = {
    "meta-reweighted": MetaReweighting,
    "mentor": MentorNet,
    "advisor": AdvisorNetwork,
    "importance": ImportanceWeighting,
    "domain classifier": DomainWeighting,
}
WAYS = ("none", *METHODS, "derivative")
SEEDS = 5
SOURCES = ("pairs 40", "uniform 40", "right", "polluted", "turned", "uniform 60", "pairs 60", "uniform 20", "pairs 20")
KINDS = ((GLYPHS, SOURCES), (PHOTOGRAPHS, SOURCES[:5]))  # targets and their sources


def outcomes(target: str, source: str, seed: int) -> dict[str, Any]:
    """Way -> errors in [0, 1] of the network and of a ridge head, AUC, and processor seconds of the training."""
    test, (data, shots, bad) = read(target, "test"), cut(target, source, seed)
    found = {}
    for way in WAYS:
        begin = time.process_time()
        network, scores = trained(way, target, data, shots, seed)
        seconds = time.process_time() - begin
        own = predict(network, test.images)
        head = RidgeHead().fit(network, shots, seed).predict(test.images)
        own_error, head_error = (round(float((one.argmax(1) != test.labels).mean()), 5) for one in (own, head))
        auc = None if scores is None or not bad.any() else round(float(roc_auc_score(~bad, scores)), 4)
        found[way] = {"own": own_error, "ridge": head_error, "auc": auc, "s": round(seconds, 2)}
    return {"found": found}


def trained(
    way: str, target: str, data: LabelledSet, shots: LabelledSet, seed: int
) -> tuple[Network, np.ndarray | None]:
    """The network, and for each sample of the data a score that is high where it is believed."""
    how = recipe(target, WIDTH)
    if way in METHODS:
        training = METHODS[way](how).train(data, shots, seed)
        return training.network, np.nan_to_num(training.weights, nan=1.0)
    if way == "none":
        return pretrain(Pool((data.concatenate(shots),)), how, seed), None
    detection = Curation.of(data, shots, embedding=embedding(target), seed=seed).detect()
    kept = data.take(np.flatnonzero(~detection.harmful))
    return pretrain(Pool((kept.concatenate(shots),)), how, seed), -detection.derivative


def cut(target: str, source: str, seed: int) -> tuple[LabelledSet, LabelledSet, np.ndarray]:
    """The source's samples, the shots, and which samples are wrong or from elsewhere (n,)."""
    train, rng = read(target), seeds.stream(seed, "wrong labels", target)
    order, classes = rng.permutation(len(train)), len(train.classes)
    few = np.concatenate([order[train.labels[order] == label][:SHOTS] for label in range(classes)])
    rows = np.setdiff1d(order, few, assume_unique=True)[:IMAGES]
    data = train.take(rows)
    ranks, labels, kind = rng.permutation(len(data)) / len(data), data.labels.copy(), source.split()[0]
    if kind in ("uniform", "pairs"):
        bad = ranks < int(source.split()[1]) / 100
        moved = (labels + rng.integers(1, classes, len(labels))) % classes
        labels[bad] = (moved if kind == "uniform" else np.array(confusable(target))[labels])[bad]
        return replace(data, labels=labels), train.take(few), bad
    bad, images = ranks < (0.5 if kind in ("polluted", "turned") else 0.0), data.images.copy()
    if kind == "polluted":
        images[bad] = read(UNRELATED[target]).images[: bad.sum()]
        labels[bad] = rng.integers(0, classes, bad.sum())
    elif kind == "turned":
        images[bad] = turned(target).images[rows[bad]]
    return replace(data, images=images, labels=labels), train.take(few), bad


@cache
def confusable(target: str) -> tuple[int, ...]:
    """For each class the one that a ridge head on the pixels of half of the training set most often takes it for."""
    train = read(target)
    x, classes = train.images.reshape(len(train), -1) / 255.0, len(train.classes)
    scores = ridge_fit(x[::2], one_hot(train.labels[::2], classes), RIDGE).predict(x[1::2])
    counts = np.zeros((classes, classes))
    np.add.at(counts, (train.labels[1::2], scores.argmax(1)), 1)
    np.fill_diagonal(counts, -1)
    return tuple(int(label) for label in counts.argmax(1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", choices=(*GLYPHS, *PHOTOGRAPHS), default=(*GLYPHS, *PHOTOGRAPHS))
    some = parser.parse_args().targets
    asked = [
        (target, source, seed)
        for targets, sources in KINDS
        for seed in range(SEEDS)
        for source in sources
        for target in targets
        if target in some
    ]
    FILE.fill([(dict(zip(("target", "source", "seed"), one, strict=True)), outcomes, one) for one in asked], jobs=1)


if __name__ == "__main__":
    main()
