"""Ridge regression of one-hot labels on frozen features, with its leave-one-out error in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geosearch.adaptation.base import ADAPTATIONS, AdaptationOptions, Predictor, Score
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError, TrainingFailedError
from geosearch.nn.networks import Network
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
        result = leave_one_out(z, y, self.ridge, rows=_judged(shots))
        return Score(result.squared_error, result.top1_error)

    def fit(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Predictor:
        """Fit the head to all shots; `seed` and `mixture` have no effect.

        Raises:
            TrainingFailedError: the features are NaN or infinite.
        """
        z, y, scale = _regression_data(network, shots)
        ridge = self.ridge if self.ridge is not None else leave_one_out(z, y, rows=_judged(shots)).ridge
        return RidgePredictor(network, scale, ridge_fit(z, y, ridge))


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

    Example:
        >>> features = np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> leave_one_out(features, 2 * features, ridge=1e-9).residuals.round(6).ravel() + 0
        array([0., 0., 0., 0.])
    """

    squared_error: float
    top1_error: float
    ridge: float
    residuals: np.ndarray


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
    features: np.ndarray, targets: np.ndarray, ridge: float | None = None, rows: np.ndarray | None = None
) -> LeaveOneOut:
    """Leave-one-out residuals e_i = (F_i - Y_i) / (1 - h_i) of ridge regression with an unpenalized intercept.

    F are the fitted values and h_i = 1/n + (diagonal i of the centred hat matrix) the leverages. The residuals equal
    those of n separate fits, at the cost of one SVD.

    Source: Dukler et al. 2022 (DIVA), eq. 13; the identity is Allen's PRESS.

    Args:
        features: (n, d).
        targets: (n, c), one-hot or soft labels.
        ridge: penalty > 0 in squared feature units; None selects the one of a grid with the smallest squared error.
        rows: bool (n,), the samples that errors are averaged over; None for all.
    """
    left, singular, fitted = _decompose(features, targets)
    choices = _grid(singular, len(features)) if ridge is None else np.array([ridge])
    return min((_residuals(left, singular, fitted, targets, r, rows) for r in choices), key=lambda r: r.squared_error)


def ridge_fit(features: np.ndarray, targets: np.ndarray, ridge: float) -> RidgeFit:
    """Fit the ridge regression of `leave_one_out` to all samples.

    Args:
        features: (n, d).
        targets: (n, c), one-hot or soft labels.
        ridge: penalty > 0 in squared feature units.
    """
    x = np.asarray(features, dtype=np.float64)
    y = np.asarray(targets, dtype=np.float64)
    mean_x, mean_y = x.mean(0), y.mean(0)
    left, singular, right = np.linalg.svd(x - mean_x, full_matrices=False)
    weight = right.T @ ((singular / (singular**2 + ridge))[:, None] * (left.T @ (y - mean_y)))  # (d, c)
    return RidgeFit(weight, mean_y - mean_x @ weight)


def finite_features(network: Network, images: np.ndarray) -> np.ndarray:
    """Features of images, checked: uint8 (n, h, w, ch) -> float64 (n, d).

    Raises:
        TrainingFailedError: the features are NaN or infinite.
    """
    z = features(network, images).astype(np.float64)
    if not np.isfinite(z).all():
        raise TrainingFailedError("the network's features are NaN or infinite; lower recipe.learning_rate")
    return z


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """One-hot labels: int (n,) -> float64 (n, classes)."""
    return np.eye(classes)[labels]


def _decompose(features: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """U (n, r), singular values (r,) and U^T Y (r, c) of the centred features and targets."""
    x = np.asarray(features, dtype=np.float64)
    y = np.asarray(targets, dtype=np.float64)
    left, singular, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    return left, singular, left.T @ (y - y.mean(0))


def _grid(singular: np.ndarray, n: int) -> np.ndarray:
    scale = float((singular**2).sum()) / n
    return RIDGE_GRID * (scale if scale > 0 else 1.0)


def _residuals(
    left: np.ndarray,
    singular: np.ndarray,
    fitted: np.ndarray,
    targets: np.ndarray,
    ridge: float,
    rows: np.ndarray | None,
) -> LeaveOneOut:
    y = np.asarray(targets, dtype=np.float64)
    shrink = singular**2 / (singular**2 + ridge)  # (r,)
    leverage = 1.0 / len(y) + (left**2) @ shrink  # (n,)
    prediction = y.mean(0) + left @ (shrink[:, None] * fitted)  # (n, c)
    residuals = (prediction - y) / (1.0 - leverage)[:, None]
    wrong = (y + residuals).argmax(1) != y.argmax(1)
    squared = (residuals**2).sum(1)
    if rows is not None:
        squared, wrong = squared[rows], wrong[rows]
    return LeaveOneOut(float(squared.mean()), float(wrong.mean()), float(ridge), residuals)


def _judged(shots: LabelledSet) -> np.ndarray | None:
    """bool (n,): the shots of classes that have two; None for all, also where no class has."""
    several = np.bincount(shots.labels)[shots.labels] > 1
    return None if several.all() or not several.any() else several


def _regression_data(network: Network, shots: LabelledSet) -> tuple[np.ndarray, np.ndarray, float]:
    """Features (n, d) scaled to a mean squared norm of 1 once centred, one-hot labels (n, c), and the scale."""
    z = finite_features(network, shots.images)
    norm = float(np.sqrt(((z - z.mean(0)) ** 2).sum(1).mean()))
    scale = 1.0 / norm if norm > 0 else 1.0
    return z * scale, one_hot(shots.labels, len(shots.classes)), scale
