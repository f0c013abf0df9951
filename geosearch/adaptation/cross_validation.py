"""Cross-validation on the shots: the score of adaptations without a closed-form leave-one-out error."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from geosearch import seeds
from geosearch.adaptation.base import Predictor, Score
from geosearch.adaptation.ridge import one_hot
from geosearch.data.dataset import LabelledSet
from geosearch.errors import DomainMismatchError


def cross_validate(fit: Callable[[LabelledSet], Predictor], shots: LabelledSet, folds: int, seed: int) -> Score:
    """Mean error over all shots, each predicted by a model fitted without its fold.

    Args:
        fit: fits a predictor to some of the shots.
        shots: labelled images, at least two of every class.
        folds: number of folds; never more than the smallest class has shots.
        seed: seed of the assignment to folds.

    Raises:
        DomainMismatchError: a class has only one shot.
    """
    target = one_hot(shots.labels, len(shots.classes))
    prediction = np.empty_like(target)
    for fit_rows, validation_rows in stratified_folds(shots.labels, folds, seeds.stream(seed, "folds")):
        prediction[validation_rows] = fit(shots.take(fit_rows)).predict(shots.images[validation_rows])
    return score_predictions(prediction, target)


def score_predictions(prediction: np.ndarray, target: np.ndarray) -> Score:
    """Score of class scores (n, c) against one-hot labels (n, c)."""
    squared = ((prediction - target) ** 2).sum(1)
    wrong = prediction.argmax(1) != target.argmax(1)
    return Score(float(squared.mean()), float(wrong.mean()))


def stratified_folds(
    labels: np.ndarray, folds: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Row numbers (to fit to, to validate on) of each fold; every class is spread evenly over the folds.

    Args:
        labels: int64 (n,), at least two rows of every class.
        folds: number of folds; never more than the smallest class has rows.
        rng: assigns rows to folds.

    Raises:
        DomainMismatchError: a class has only one row, so none is left to fit to while it is validated on.
    """
    smallest = int(np.bincount(labels).min())
    if smallest < 2:
        raise DomainMismatchError(
            "cross-validation needs at least two shots of every class, got 1; raise domain.shots, or set "
            'search.objective = "episodes", which draws shots from pseudo-labelled images'
        )
    folds = min(folds, smallest)
    fold = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        fold[rows] = np.arange(len(rows)) % folds
    for number in range(folds):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)
