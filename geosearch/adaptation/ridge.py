"""Ridge regression of one-hot labels on frozen features, with its leave-one-out error in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geosearch.adaptation.base import ADAPTATIONS, AdaptationOptions, Predictor, Score
from geosearch.adaptation.loss import Loss, class_frequencies, is_uneven, log_frequencies
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError, TrainingFailedError
from geosearch.nn.networks import Network
from geosearch.nn.option_facts import added_field
from geosearch.nn.streams import Stream
from geosearch.nn.train import features

RIDGE_GRID = np.logspace(-4, 2, 13)  # in units of the mean squared norm of the centred features


@ADAPTATIONS.register("ridge", "frozen features with a ridge head")
@dataclass(frozen=True)
class RidgeHead(AdaptationOptions):
    """Fit a ridge regression to the features of the frozen network; its score is the leave-one-out error.

    Attributes:
        ridge: penalty, in units of the mean squared norm of the shots' centred features; None selects the penalty
            of a grid with the smallest leave-one-out error. With one shot per class that is always the largest of
            the grid, which is close to a nearest-class-mean classifier; on four targets its error was within two
            points of that of the best penalty.
        loss: weights the labels of uneven classes, and has all classes count alike in the errors; see `LOSSES`.

    Example:
        >>> import geosearch
        >>> from geosearch.nn.networks import SmallConv
        >>> digits = geosearch.load("digits")
        >>> network = SmallConv(4).build(channels=1, size=8, classes=10, seed=0)
        >>> shots = digits.take(range(50))
        >>> 0 <= RidgeHead().score(network, shots, seed=0).top1_error <= 1
        True
        >>> RidgeHead().fit(network, shots, seed=0).predict(digits.images[:5]).shape
        (5, 10)
    """

    ridge: float | None = None
    loss: Loss | None = added_field(None)

    def __post_init__(self) -> None:
        if self.ridge is not None and not self.ridge > 0:
            raise InvalidOptionError(f"ridge must be greater than 0, or None to select it, got {self.ridge}")

    def score(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Score:
        """Leave-one-out error on the shots; `seed` and `mixture` have no effect.

        The only shot of a class is never left out, unless no class has two.

        Raises:
            TrainingFailedError: the features are NaN or infinite.
        """
        z, y, _ = _regression_data(network, shots)
        result, _ = self._choose(z, y, shots)
        return Score(result.squared_error, result.top1_error, result.losses)

    def fit(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Predictor:
        """Fit the head to all shots; `seed` and `mixture` have no effect.

        Raises:
            TrainingFailedError: the features are NaN or infinite.
        """
        z, y, scale = _regression_data(network, shots)
        if self.loss is None and self.ridge is not None:
            return RidgePredictor(network, scale, ridge_fit(z, y, self.ridge))
        result, weights = self._choose(z, y, shots)
        return RidgePredictor(network, scale, ridge_fit(z, y, result.ridge, weights))

    def _choose(self, z: np.ndarray, y: np.ndarray, shots: LabelledSet) -> tuple[LeaveOneOut, np.ndarray | None]:
        """The penalty, and the weights (n,) of the samples, of least squared error."""
        rows = _judged(shots.labels)
        if self.loss is None or not is_uneven(shots.labels):
            return leave_one_out(z, y, self.ridge, rows=rows), None
        return choose_weights(z, y, self.loss.powers, self.ridge, rows=rows)


@dataclass(frozen=True, eq=False)
class RidgePredictor:
    """A ridge regression on the features of a network.

    Attributes:
        network: gives the features.
        scale: factor on the features.
        head: the regression on scaled features.
    """

    network: Network
    scale: float
    head: RidgeFit

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Class scores of images: uint8 (n, h, w, ch) -> float64 (n, c)."""
        return self.head.predict(features(self.network, images) * self.scale)


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """The error of ridge regression on each sample when it is fitted to all others.

    Attributes:
        squared_error: mean over samples (those of `rows`) of the squared residual norm; smaller is better.
        top1_error: fraction of these samples whose largest prediction is not at their own class, in [0, 1].
        ridge: the penalty (squared feature units).
        residuals: float64 (n, c), prediction minus target.
        losses: squared residual norm of each sample that errors are averaged over, times its share of the weight.

    Example:
        >>> features = np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> leave_one_out(features, 2 * features, ridge=1e-9).residuals.round(6).ravel() + 0
        array([0., 0., 0., 0.])
    """

    squared_error: float
    top1_error: float
    ridge: float
    residuals: np.ndarray
    losses: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class RidgeFit:
    """A fitted ridge regression, features (n, d) -> targets (n, c).

    Attributes:
        weight: float64 (d, c).
        bias: float64 (c,).

    Example:
        >>> fit = ridge_fit(np.array([[0.0], [1.0]]), np.eye(2), ridge=1e-9)
        >>> fit.predict(np.array([[1.0]])).round(6)
        array([[0., 1.]])
    """

    weight: np.ndarray
    bias: np.ndarray

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predicted targets (n, c) of features (n, d)."""
        return features.astype(np.float64) @ self.weight + self.bias  # (n, d) @ (d, c) -> (n, c)


def leave_one_out(
    features: np.ndarray,
    targets: np.ndarray,
    ridge: float | None = None,
    rows: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> LeaveOneOut:
    """Leave-one-out residuals e_i = (F_i - Y_i) / (1 - h_i) of ridge regression with an unpenalized intercept.

    F are the fitted values and h_i = 1/n + (diagonal i of the centred hat matrix) the leverages. The residuals equal
    those of n separate fits, at the cost of one SVD.

    Source: Dukler et al. 2022 (DIVA), eq. 13; the identity is Allen's PRESS.

    Args:
        features: (n, d).
        targets: (n, c), one-hot or soft labels.
        ridge: penalty > 0 in squared feature units; None selects the one of a grid with the smallest squared error.
        rows: bool (n,), the samples that errors are averaged over; or float (n,), with which weights. None for all.
        weights: float (n,) > 0 with mean 1, of the samples in the fits; None for equal ones.
    """
    solved = _Decomposition.of(features, targets, weights)
    choices = solved.grid if ridge is None else np.array([ridge])
    return min((solved.left_out(r, rows) for r in choices), key=lambda r: r.squared_error)


def choose_weights(
    features: np.ndarray,
    targets: np.ndarray,
    powers: Sequence[float],
    ridge: float | None = None,
    rows: np.ndarray | None = None,
) -> tuple[LeaveOneOut, np.ndarray]:
    """Weights p_y^-power of samples of class y, p the class frequencies, with the least class-balanced error.

    Args:
        features: (n, d).
        targets: (n, c), one-hot.
        powers: to choose from.
        ridge: as for `leave_one_out`.
        rows: bool (n,), the samples that are judged; None for all. Every class counts alike in the errors.

    Returns:
        The leave-one-out error, and the weights (n,) with mean 1.
    """
    labels = targets.argmax(1)
    judged = np.ones(len(labels), bool) if rows is None else rows
    balanced = judged / np.maximum(np.bincount(labels, weights=judged)[labels], 1)
    logarithms = log_frequencies(class_frequencies(labels, targets.shape[1]))[labels]
    found = []
    for power in powers:
        weights = np.exp(-power * logarithms)
        weights /= weights.mean()
        found.append((leave_one_out(features, targets, ridge, balanced, weights), weights))
    return min(found, key=lambda pair: pair[0].squared_error)


def ridge_fit(features: np.ndarray, targets: np.ndarray, ridge: float, weights: np.ndarray | None = None) -> RidgeFit:
    """Fit the ridge regression of `leave_one_out` to all samples.

    Args:
        features: (n, d).
        targets: (n, c), one-hot or soft labels.
        ridge: penalty > 0 in squared feature units.
        weights: as for `leave_one_out`.
    """
    solved = _Decomposition.of(features, targets, weights)
    weight = solved.right.T @ ((solved.singular / (solved.singular**2 + ridge))[:, None] * solved.moment)  # (d, c)
    return RidgeFit(weight, solved.mean_y - solved.mean_x @ weight)


def fit_ridge(features: np.ndarray, labels: np.ndarray, classes: int) -> tuple[RidgeFit, float]:
    """The regression of one-hot labels whose penalty has the least leave-one-out error, and the factor on the features.

    Args:
        features: float64 (n, d), as they are.
        labels: int64 (n,), their classes.
        classes: c
    """
    scale, targets = unit_scale(features), one_hot(labels, classes)
    chosen = leave_one_out(features * scale, targets, rows=_judged(labels))
    return ridge_fit(features * scale, targets, chosen.ridge), scale


def finite_features(network: Network, images: np.ndarray) -> np.ndarray:
    """Features of images, checked: uint8 (n, h, w, ch) -> float64 (n, d).

    Raises:
        TrainingFailedError: the features are NaN or infinite.
    """
    z = features(network, images).astype(np.float64)
    if not np.isfinite(z).all():
        raise TrainingFailedError("the network's features are NaN or infinite; lower recipe.learning_rate")
    return z


def unit_scale(features: np.ndarray) -> float:
    """Factor that gives features (n, d) a mean squared norm of 1 once they are centred; 1 if all are equal."""
    norm = float(np.sqrt(((features - features.mean(0)) ** 2).sum(1).mean()))
    return 1.0 / norm if norm > 0 else 1.0


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """One-hot labels: int (n,) -> float64 (n, classes)."""
    return np.eye(classes)[labels]


@dataclass(frozen=True, eq=False)
class _Decomposition:
    """X = U S V^T of the centred features, from which the solution of every penalty follows.

    With weights w, means are weighted and the rows of X and Y multiplied by sqrt(w).
    """

    left: np.ndarray  # U (n, r)
    singular: np.ndarray  # (r,)
    right: np.ndarray  # V^T (r, d)
    moment: np.ndarray  # U^T Y (r, c)
    mean_x: np.ndarray  # (d,)
    mean_y: np.ndarray  # (c,)
    y: np.ndarray  # (n, c), as given
    root: np.ndarray | None  # sqrt(w) (n, 1)

    @classmethod
    def of(cls, features: np.ndarray, targets: np.ndarray, weights: np.ndarray | None) -> _Decomposition:
        x = np.asarray(features, dtype=np.float64)
        y = np.asarray(targets, dtype=np.float64)
        mean_x, mean_y = (a.mean(0) if weights is None else np.average(a, axis=0, weights=weights) for a in (x, y))
        root = None if weights is None else np.sqrt(weights)[:, None]
        centred_x, centred_y = (a if root is None else root * a for a in (x - mean_x, y - mean_y))
        left, singular, right = np.linalg.svd(centred_x, full_matrices=False)
        return cls(left, singular, right, left.T @ centred_y, mean_x, mean_y, y, root)

    @property
    def grid(self) -> np.ndarray:
        scale = float((self.singular**2).sum()) / len(self.y)
        return RIDGE_GRID * (scale if scale > 0 else 1.0)

    def left_out(self, ridge: float, rows: np.ndarray | None) -> LeaveOneOut:
        shrink = self.singular**2 / (self.singular**2 + ridge)  # (r,)
        share = 1.0 / len(self.y) if self.root is None else self.root[:, 0] ** 2 / (self.root**2).sum()
        leverage = share + (self.left**2) @ shrink  # (n,)
        slope = self.left @ (shrink[:, None] * self.moment)  # (n, c)
        prediction = self.mean_y + (slope if self.root is None else slope / self.root)
        residuals = (prediction - self.y) / (1.0 - leverage)[:, None]
        wrong = (self.y + residuals).argmax(1) != self.y.argmax(1)
        squared = (residuals**2).sum(1)
        if rows is None or rows.dtype == bool:
            chosen = slice(None) if rows is None else rows
            errors, losses = (squared[chosen].mean(), wrong[chosen].mean()), squared[chosen]
        else:
            errors = np.average(squared, weights=rows), np.average(wrong, weights=rows)
            losses = squared * rows / rows.mean()
        return LeaveOneOut(float(errors[0]), float(errors[1]), float(ridge), residuals, tuple(losses.tolist()))


def _judged(labels: np.ndarray) -> np.ndarray | None:
    """bool (n,): the rows of classes that have two; None for all, also where no class has."""
    several = np.bincount(labels)[labels] > 1
    return None if several.all() or not several.any() else several


def _regression_data(network: Network, shots: LabelledSet) -> tuple[np.ndarray, np.ndarray, float]:
    """Features (n, d) scaled to a mean squared norm of 1 once centred, one-hot labels (n, c), and the scale."""
    z = finite_features(network, shots.images)
    scale = unit_scale(z)
    return z * scale, one_hot(shots.labels, len(shots.classes)), scale
