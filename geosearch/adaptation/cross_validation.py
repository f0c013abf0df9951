"""Cross-validation on the shots: the score of adaptations without a closed-form leave-one-out error."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from geosearch import seeds
from geosearch.adaptation.base import Predictor, Score
from geosearch.adaptation.ridge import one_hot
from geosearch.data.dataset import LabelledSet
from geosearch.errors import DomainMismatchError


def cross_validate(
    fit: Callable[[LabelledSet], Predictor], shots: LabelledSet, folds: int, seed: int, *, balance: float = 0.0
) -> Score:
    """Mean error over all shots that a fold leaves out, each predicted by a model fitted without its fold.

    Args:
        fit: fits a predictor to some of the shots.
        shots: labelled images; see `stratified_folds`.
        folds: number of folds; never more than the largest class has shots.
        seed: seed of the assignment to folds.
        balance: in [0, 1]; see `score_predictions`.

    Raises:
        DomainMismatchError: no class has two shots.
    """
    return score_left_out(
        lambda rows, left_out: fit(shots.take(rows)).predict(shots.images[left_out]),
        shots.labels,
        len(shots.classes),
        folds,
        seed,
        balance=balance,
    )


def score_left_out(
    predict: Callable[[np.ndarray, np.ndarray], np.ndarray],
    labels: np.ndarray,
    classes: int,
    folds: int,
    seed: int,
    *,
    balance: float = 0.0,
) -> Score:
    """As `cross_validate`, for anything that has rows with labels.

    Args:
        predict: row numbers (to fit to, to predict) -> class scores (k, c) of the latter.
        labels: int64 (n,), the classes of the rows.
        classes: c
        folds, seed, balance: as for `cross_validate`.

    Raises:
        DomainMismatchError: no class has two rows.
    """
    judged, prediction = can_be_left_out(labels), predict_left_out(predict, labels, classes, folds, seed)
    return score_predictions(prediction[judged], one_hot(labels, classes)[judged], balance=balance)


def predict_left_out(
    predict: Callable[[np.ndarray, np.ndarray], np.ndarray], labels: np.ndarray, classes: int, folds: int, seed: int
) -> np.ndarray:
    """float64 (n, c), the class scores of all rows, each predicted without its fold; see `score_left_out`.

    Those of the single row of a class, which no fold leaves out, are 0.
    """
    prediction = np.zeros((len(labels), classes))
    for rows, left_out in stratified_folds(labels, folds, seeds.stream(seed, "folds")):
        prediction[left_out] = predict(rows, left_out)
    return prediction


def can_be_left_out(labels: np.ndarray) -> np.ndarray:
    """bool (n,): whether another row has the same label, so that the class is still known without this one.

    >>> can_be_left_out(np.array([0, 0, 1]))
    array([ True,  True, False])
    """
    return np.asarray(np.bincount(labels)[labels] > 1)


def score_predictions(prediction: np.ndarray, target: np.ndarray, *, balance: float = 0.0) -> Score:
    """Score of class scores (n, c) against one-hot labels (n, c).

    Args:
        balance: in [0, 1]; 0 is the mean over rows, 1 the mean over classes, see `class_weights`.

    >>> found = score_predictions(np.eye(2)[[0, 0, 0, 0]], np.eye(2)[[0, 0, 0, 1]], balance=1)
    >>> found.top1_error
    0.5
    """
    squared = ((prediction - target) ** 2).sum(1)
    wrong = prediction.argmax(1) != target.argmax(1)
    if balance:
        weights = class_weights(target.argmax(1), balance)
        losses = squared * weights
        return Score(
            float(np.average(squared, weights=weights)),
            float(np.average(wrong, weights=weights)),
            tuple(losses.tolist()),
        )
    return Score(float(squared.mean()), float(wrong.mean()), tuple(squared.tolist()))


def class_weights(labels: np.ndarray, balance: float) -> np.ndarray:
    """Weights (n,) of rows, of mean 1, so that a class counts as its number of rows to the power 1 - balance.

    Wrong labels times those of balance 1 have the balanced error as their mean, and in `bootstrap_half_width` its
    interval. How many images of a class are drawn varies in it, so that it is rather too wide; drawing within the
    classes is too narrow where a class has few images that all agree (reports/small-labels.md).

    >>> class_weights(np.array([0, 0, 0, 0, 1]), 0.5)
    array([0.83333333, 0.83333333, 0.83333333, 0.83333333, 1.66666667])
    """
    weights = np.bincount(labels)[labels] ** -float(balance)
    return np.asarray(weights / weights.mean())


def stratified_folds(
    labels: np.ndarray, folds: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Row numbers (to fit to, to validate on) of each fold; every class is spread evenly over the folds.

    The single row of a class is fitted to in every fold and validated on in none. Where classes have different numbers
    of rows, each goes on with the fold at which the one before it ended, so that folds are of one size.

    Args:
        labels: int64 (n,), two rows of some class at least.
        folds: number of folds; never more than the largest class has rows.
        rng: assigns rows to folds.

    Raises:
        DomainMismatchError: no class has two rows, so there is none to validate on.
    """
    counts = np.bincount(labels)
    counts = counts[counts > 0]
    if (largest := int(counts.max())) < 2:
        raise DomainMismatchError(
            "cross-validation needs two shots of some class, got 1 of each; label more images (in a benchmark: raise "
            'domain.shots), or set search.objective = "episodes", which draws shots from pseudo-labelled images'
        )
    folds, is_even, begin = min(folds, largest), len({*counts.tolist()}) == 1, 0
    fold = np.full(len(labels), -1)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        if len(rows) > 1:
            fold[rows] = (begin + np.arange(len(rows))) % folds
            begin += 0 if is_even else len(rows)
    for number in range(folds):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)
