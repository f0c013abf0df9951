"""Cross-validation on the shots: what a way of adapting a network is worth, when it has no closed form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from geosearch import seeds
from geosearch.adaptation.ridge import one_hot
from geosearch.data.dataset import LabelledSet
from geosearch.errors import DomainMismatchError
from geosearch.nn.networks import Network
from geosearch.nn.train import Stream


@dataclass(frozen=True)
class Score:
    """What a network is worth to the target, judged on the shots alone; smaller is better.

    Attributes:
        squared_error: mean squared distance of the predicted from the one-hot labels.
        top1_error: share of wrong classes, in [0, 1].
    """

    squared_error: float
    top1_error: float


class Predictor(Protocol):
    """A network adapted to the target."""

    def predict(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch) -> class scores (n, c); the largest wins."""
        ...


class Scorer(Protocol):
    """A way of telling what a pretrained network is worth to the target."""

    @property
    def key(self) -> str: ...

    def score(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Score:
        """Errors on labelled or pseudo-labelled target images, each predicted by what was fitted to others."""
        ...


def cross_validate(fit: Callable[[LabelledSet], Predictor], shots: LabelledSet, folds: int, seed: int) -> Score:
    """Errors on each part of the shots of a predictor fitted to the other parts, averaged over all shots."""
    target = one_hot(shots.labels, len(shots.classes))
    prediction = np.empty_like(target)
    for fitted, left_out in stratified_folds(shots.labels, folds, seeds.stream(seed, "folds")):
        prediction[left_out] = fit(shots.take(fitted)).predict(shots.images[left_out])
    return error_of(prediction, target)


def error_of(prediction: np.ndarray, target: np.ndarray) -> Score:
    """Score of class scores (n, c) against one-hot targets (n, c)."""
    squared = ((prediction - target) ** 2).sum(1)
    wrong = prediction.argmax(1) != target.argmax(1)
    return Score(float(squared.mean()), float(wrong.mean()))


def stratified_folds(
    labels: np.ndarray, folds: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(rows to fit, rows left out) for each fold; every class is spread evenly over the folds.

    Raises:
        DomainMismatchError: a class has one shot only, so that nothing is left to fit when it is left out.
    """
    smallest = int(np.bincount(labels).min())
    if smallest < 2:
        raise DomainMismatchError(
            "cross-validation needs at least two shots of every class, got 1; raise domain.shots, or set "
            'search.objective = "episodes", which draws shots among pseudo-labelled images'
        )
    folds = min(folds, smallest)
    fold = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        fold[rows] = np.arange(len(rows)) % folds
    for number in range(folds):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)
