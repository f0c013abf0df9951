"""Ridge regression of class labels on features, with its leave-one-out residuals in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RIDGE_GRID = np.logspace(-4, 2, 13)  # times the mean squared norm of the centred features


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """What ridge regression errs by on each sample when that sample is left out of the fit.

    Attributes:
        squared_error: mean over samples of the squared residual norm; smaller is better.
        top1_error: share of samples whose largest predicted target is not their own, in [0, 1].
        ridge: the penalty used (squared feature units).
        residuals: float64 (n, c), prediction minus target.
    """

    squared_error: float
    top1_error: float
    ridge: float
    residuals: np.ndarray


@dataclass(frozen=True, eq=False)
class RidgeFit:
    """An affine predictor: features (n, d) -> targets (n, c).

    Attributes:
        weight: (d, c).
        bias: (c,).
    """

    weight: np.ndarray
    bias: np.ndarray

    def predict(self, features: np.ndarray) -> np.ndarray:
        return features.astype(np.float64) @ self.weight + self.bias  # (n, d) @ (d, c) -> (n, c)


def leave_one_out(features: np.ndarray, targets: np.ndarray, ridge: float | None = None) -> LeaveOneOut:
    """Leave-one-out residuals e_i = (F_i - Y_i) / (1 - h_i) of ridge regression with a free intercept.

    The intercept is not penalised: it is refitted for each left-out sample as the slopes are, so
    h_i = 1/n + (row i of the centred hat matrix). Equal to n refits, at the cost of one SVD.
    Source: Dukler et al. 2022 (DIVA), eq. 13; the identity is Allen's PRESS.

    Args:
        features: (n, d).
        targets: (n, c), one-hot or soft labels.
        ridge: penalty > 0 in squared feature units; None takes the one of a grid with the least
            squared error.
    """
    left, singular, fitted = _decompose(features, targets)
    choices = _grid(singular, len(features)) if ridge is None else np.array([ridge])
    return min((_residuals(left, singular, fitted, targets, r) for r in choices), key=lambda r: r.squared_error)


def ridge_fit(features: np.ndarray, targets: np.ndarray, ridge: float) -> RidgeFit:
    """The ridge regression that `leave_one_out` speaks of, on all samples."""
    x = np.asarray(features, dtype=np.float64)
    y = np.asarray(targets, dtype=np.float64)
    mean_x, mean_y = x.mean(0), y.mean(0)
    left, singular, right = np.linalg.svd(x - mean_x, full_matrices=False)
    weight = right.T @ ((singular / (singular**2 + ridge))[:, None] * (left.T @ (y - mean_y)))  # (d, c)
    return RidgeFit(weight, mean_y - mean_x @ weight)


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """(n,) -> float64 (n, classes)"""
    return np.eye(classes)[labels]


def _decompose(features: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """U (n, r), singular values (r,), U^T Y (r, c) of the centred features and targets."""
    x = np.asarray(features, dtype=np.float64)
    y = np.asarray(targets, dtype=np.float64)
    left, singular, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    return left, singular, left.T @ (y - y.mean(0))


def _grid(singular: np.ndarray, n: int) -> np.ndarray:
    scale = float((singular**2).sum()) / n
    return RIDGE_GRID * (scale if scale > 0 else 1.0)


def _residuals(
    left: np.ndarray, singular: np.ndarray, fitted: np.ndarray, targets: np.ndarray, ridge: float
) -> LeaveOneOut:
    y = np.asarray(targets, dtype=np.float64)
    shrink = singular**2 / (singular**2 + ridge)  # (r,)
    leverage = 1.0 / len(y) + (left**2) @ shrink  # (n,)
    prediction = y.mean(0) + left @ (shrink[:, None] * fitted)  # (n, c)
    residuals = (prediction - y) / (1.0 - leverage)[:, None]
    wrong = (y + residuals).argmax(1) != y.argmax(1)
    return LeaveOneOut(float((residuals**2).sum(1).mean()), float(wrong.mean()), float(ridge), residuals)
