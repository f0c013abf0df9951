"""Without test labels: how far is the verdict of cross-fitting from the truth, and how often does its interval hold it?

    python -m research.labels.cross_fitting [--draws 10] [--table]

A draw labels a few images of each class, between half and double the number that is named. The rule under judgement
chooses one of eight mixtures by the squared leave-one-out error of a ridge head on the features of its network, and
fits the head to all labels; its truth is its error on the rest of the images that were drawn from, or on the test part.
Cross-fitting chooses and fits again without the labels that judge (`CrossFitting.splits`). Networks are trained once
for each mixture. Results: reports/data/small_labels.jsonl, right and wrong for every label, so that intervals can be
made again; the same command goes on where it stopped. Needs $GEOSEARCH_DATA, and the photographs beside it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.adaptation.ridge import LeaveOneOut, RidgeFit, leave_one_out, one_hot, ridge_fit
from geosearch.confirmation.cross_fitting import CrossFitting
from geosearch.confirmation.predictions import balanced_error
from research.common.lines import Lines
from research.common.page import fill
from research.labels.known_targets import TARGETS, KnownTarget, known_target
from research.labels.verdicts import tables

REPORTS = Path(__file__).parents[2] / "reports"
LINES = Lines(REPORTS / "data" / "small_labels.jsonl")
SHOTS = (3, 5, 10, 20)
REPEATS = 3


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of a draw: rows of the target's images, and their classes."""

    rows: np.ndarray
    classes: np.ndarray
    count: int

    def without(self, judged: np.ndarray) -> Labels:
        return Labels(np.delete(self.rows, judged), np.delete(self.classes, judged), self.count)


@dataclass(frozen=True, eq=False)
class Chosen:
    """The features with the smallest squared leave-one-out error, their head, and its leave-one-out predictions."""

    number: int
    features: np.ndarray
    scale: float
    head: RidgeFit
    left_out: np.ndarray

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self.head.predict(self.features[rows] * self.scale).argmax(1))


def draw_labels(target: KnownTarget, name: str, shots: int, draw: int) -> Labels:
    """Numbers of each class log-uniform between half and double of `shots`, two at least."""
    rng = seeds.stream(draw, "small-labels", name, shots)
    order = rng.permutation(target.train)
    counts = np.maximum(2, np.round(shots * 2 ** rng.uniform(-1, 1, target.classes))).astype(int)
    rows = [order[target.labels[order] == label][:count] for label, count in enumerate(counts)]
    return Labels(np.concatenate(rows), target.labels[np.concatenate(rows)], target.classes)


def choose(options: Sequence[np.ndarray], labels: Labels) -> Chosen:
    """By the adaptation's score, as a search does; the head as `RidgeHead` fits it."""
    y = one_hot(labels.classes, labels.count)
    several = np.bincount(labels.classes)[labels.classes] > 1
    rows = several if several.any() else None
    tried: list[tuple[float, int, float, LeaveOneOut]] = []
    for number, features in enumerate(options):
        z = features[labels.rows].astype(np.float64)
        scale = 1 / float(np.sqrt(((z - z.mean(0)) ** 2).sum(1).mean()))
        found = leave_one_out(z * scale, y, rows=rows)
        tried.append((found.squared_error, number, scale, found))
    _, number, scale, found = min(tried, key=lambda one: one[:2])
    z = options[number][labels.rows].astype(np.float64) * scale
    predicted = (y + found.residuals).argmax(1)
    return Chosen(number, options[number], scale, ridge_fit(z, y, found.ridge), predicted)


def measure(name: str, shots: int, draw: int) -> dict[str, Any]:
    """Truth, and what cross-fitting and the labels that chose say: 0 and 1 (wrong) for every label."""
    target = known_target(name)
    labels = draw_labels(target, name, shots, draw)
    everything = np.arange(len(target.labels))
    parts = {"rest": np.setdiff1d(everything[: target.train], labels.rows), "test": everything[target.train :]}
    splits = CrossFitting(repeats=REPEATS).splits(labels.classes, draw)
    fold = np.zeros((splits[-1].repeat + 1, len(labels.rows)), int)
    facts: dict[str, Any] = {"labels": labels.classes.tolist()}
    for way, options in {"best": target.mixtures, "none": target.without}.items():
        near = [reduced(features, labels.rows) for features in options]
        chosen = choose(near, labels)
        errors = {}
        for part, rows in parts.items():
            predicted, truth = chosen.predict(rows), target.labels[rows]
            errors[part] = [round(float((predicted != truth).mean()), 5), round(balanced_error(predicted, truth), 5)]
        wrong, choices = np.zeros_like(fold), []
        for split in splits:
            again = choose(near, labels.without(split.judged))
            rows = labels.rows[split.judged]
            wrong[split.repeat, split.judged] = again.predict(rows) != target.labels[rows]
            fold[split.repeat, split.judged] = split.number
            choices.append(again.number)
        facts[way] = {
            "truth": errors,
            "chosen": chosen.number,
            "chosen_in_folds": choices,
            "naive": _digits(chosen.left_out != labels.classes),
            "wrong": [_digits(row) for row in wrong],
        }
    return facts | {"fold": [_digits(row) for row in fold]}


def reduced(features: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Features (n, d) of all images in the space that these rows span, which changes no ridge regression on some."""
    if features.shape[1] <= len(rows):
        return features
    centre = features[rows].mean(0)
    basis, _ = np.linalg.qr((features[rows] - centre).astype(np.float64).T)  # (d, rows)
    return np.asarray((features - centre) @ basis)


def _digits(row: np.ndarray) -> str:
    return "".join(map(str, row.astype(int)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--table", action="store_true", help="write the tables only")
    given = parser.parse_args()
    if not given.table:
        os.nice(5)
        asked = product(given.targets, SHOTS, range(given.draws))
        tasks = [(dict(zip(("target", "shots", "draw"), one, strict=True)), measure, one) for one in asked]
        LINES.fill(tasks, jobs=1)
    fill(REPORTS / "small-labels.md", tables(LINES.all()))


if __name__ == "__main__":
    main()
