"""Do losses for uneven classes lower the error in which every class counts alike?

    python -m research.neighbours.uneven_labels

Ten classes with 20 to 2 labels each (10:1), in an order of the draw; a small network pretrained on three other sets, or
the features of the pretrained backbone (rsscn7, seedlings; the ridge head alone). Balanced and plain error on the test
parts, five draws of labels, one pretraining. Results: reports/data/neighbours_uneven_labels.jsonl. Needs
$GEOSEARCH_DATA, for the photographs with `photos/` beside it and the backbone of research/photographs.
"""

from __future__ import annotations

import argparse
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.adaptation.balanced_loss import BalancedLoss
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.linear_probe import LinearProbe
from geosearch.adaptation.loss import LogitAdjustment, Loss
from geosearch.adaptation.ridge import RidgeHead, choose_weights, leave_one_out, one_hot, ridge_fit
from research.common.lines import Lines
from research.model.networks import GLYPHS, network, read
from research.neighbours.targets import PHOTOGRAPHS

FILE = Lines(Path(__file__).parents[2] / "reports" / "data" / "neighbours_uneven_labels.jsonl")
MOST, RATIO, DRAWS = 20, 10, 5
LOSSES: dict[str, Loss | None] = {"plain": None, "logit-adjusted": LogitAdjustment(), "balanced": BalancedLoss()}
WAYS: dict[str, type[Any]] = {"ridge": RidgeHead, "linear-probe": LinearProbe, "fine-tune": FineTuning}
Found = dict[str, dict[str, list[float]]]  # way -> loss -> balanced error, plain error, seconds


def uneven(labels: np.ndarray, classes: int, name: str, draw: int) -> np.ndarray:
    """Rows of a draw: `MOST` of the most frequent class, a tenth of that of the rarest, and geometrically between."""
    rng = seeds.stream(draw, "uneven labels", name)
    order, places = rng.permutation(len(labels)), rng.permutation(classes)
    counts = np.round(MOST * RATIO ** (-places / (classes - 1))).astype(int)
    return np.concatenate([order[labels[order] == label][:count] for label, count in enumerate(counts)])


def of_network(target: str, draw: int) -> dict[str, Found]:
    train, test, start = read(target), read(target, "test"), network(target)
    shots = train.take(uneven(train.labels, len(train.classes), target, draw))
    found: Found = {}
    for way, kind in WAYS.items():
        for name, loss in LOSSES.items():
            begin, how = time.process_time(), kind(loss=loss)
            scores = how.fit(start, shots, draw).predict(test.images)
            found.setdefault(way, {})[name] = errors(scores, test.labels, begin)
    return {"errors": found}


def of_features(target: str, draw: int) -> dict[str, Found]:
    from research.photographs.sets import task

    z, known = features(target), task(target)
    n, classes = len(known.train), len(known.classes)
    rows = uneven(known.train_labels, classes, target, draw)
    x, y, found = z[rows].astype(np.float64), one_hot(known.train_labels[rows], classes), {}
    for name, loss in LOSSES.items():
        begin = time.process_time()
        result, weights = (leave_one_out(x, y), None) if loss is None else choose_weights(x, y, loss.powers)
        scores = ridge_fit(x, y, result.ridge, weights).predict(z[n:])
        found[name] = errors(scores, known.test_labels, begin)
    return {"errors": {"ridge": found}}


@cache
def features(target: str) -> np.ndarray:
    from research.photographs.scoring import features as encode

    return encode(None, target)


def errors(scores: np.ndarray, labels: np.ndarray, begin: float) -> list[float]:
    """Balanced and plain error in [0, 1], and processor seconds since `begin`."""
    wrong = scores.argmax(1) != labels
    balanced = np.mean([wrong[labels == label].mean() for label in np.unique(labels)])
    return [round(float(balanced), 5), round(float(wrong.mean()), 5), round(time.process_time() - begin, 2)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=DRAWS)
    draws = range(parser.parse_args().draws)
    asked = [(target, of_network) for target in GLYPHS] + [(target, of_features) for target in PHOTOGRAPHS]
    tasks = [({"target": t, "draw": d}, function, (t, d)) for t, function in asked for d in draws]
    FILE.fill(tasks, jobs=1)


if __name__ == "__main__":
    main()
