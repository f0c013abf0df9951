"""The dataset derivative: how the error of a ridge head moves with the weight of every sample, in closed form.

With weights a, Z~ = (Z, 1), C the inverse of Z~^T D_a Z~ + ridge and K = Z~ C Z~^T:

    F = Z~ C Z~^T D_a Y,   h_i = a_i K_ii,   e_i = (F_i - Y_i) / (1 - h_i)          leave-one-out residuals
    dF_i / da_j = K_ij (Y_j - F_j),   dK_ii / da_j = -K_ij^2

so that the derivative of a loss of the predictions with gradient G at points v is sum_v K_jv <G_v, Y_j - F_j>, and
that of the leave-one-out loss sum_i |e_i|^2, with U_i = 2 e_i / (1 - h_i) and V_i = 2 |e_i|^2 / (1 - h_i), is

    <(K U)_j, Y_j - F_j> + V_j K_jj - sum_i V_i a_i K_ij^2.

The last sum is the quadratic form z~_j^T C (Z~^T D_{Va} Z~) C z~_j: no matrix of n x n is ever formed.
Source: Dukler et al. 2022 (DIVA), sec. 3 and eq. 13; the leave-one-out residual is Allen's PRESS.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from geosearch.curation.weighted_ridge import WeightedRidge, best_ridge, blocks
from geosearch.errors import InvalidDataError, InvalidOptionError
from geosearch.runtime.events import DerivativeComputed
from geosearch.runtime.progress import Log, Progress


@dataclass(frozen=True, eq=False)
class Validation:
    """Samples that an error is measured on and that no head is fitted to.

    Attributes:
        features: (p, d).
        targets: (p, c), one-hot or soft labels.
    """

    features: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True, eq=False)
class Derivative:
    """The error of a ridge head, and how it moves with the weight of every sample.

    Attributes:
        loss: mean squared residual norm, leave-one-out or on the validation set; smaller is better.
        gradient: (n,) derivative of `loss` in each weight; where it is positive, more of the sample does harm.
        residuals: (n, c) leave-one-out residuals, prediction minus target, whatever the loss.
        ridge: the penalty (squared feature units).
    """

    loss: float
    gradient: np.ndarray
    residuals: np.ndarray
    ridge: float

    @property
    def squared_errors(self) -> np.ndarray:
        """(n,) squared leave-one-out error of each sample."""
        return (self.residuals**2).sum(1)


def dataset_derivative(
    features: np.ndarray,
    targets: np.ndarray,
    *,
    weights: np.ndarray | float = 1.0,
    ridge: float | None = None,
    validation: Validation | None = None,
    counts: np.ndarray | None = None,
    progress: Progress | None = None,
) -> Derivative:
    """Derivative of the leave-one-out error (or of a validation error) of a ridge head in every sample's weight.

    O(n d^2 + d^3 + n d c) operations in float64, and memory for a few (d, d) and (n, c) arrays beside the features,
    which may be float32 or memory-mapped. The intercept is free, as in `leave_one_out`.

    Args:
        features: (n, d).
        targets: (n, c), one-hot or soft labels.
        weights: (n,) or a number, >= 0; a sample of weight 0 is not fitted to, but has its derivative.
        ridge: penalty > 0 in squared feature units; None takes the one of a grid with the least leave-one-out error.
        validation: measure the error there instead.
        counts: (n,) >= 0, how much each sample's leave-one-out error counts; all alike if None.
        progress: told of the blocks that are done.

    Raises:
        InvalidDataError: shapes that do not fit together, or numbers that are not finite.
        InvalidOptionError: weights or counts that are negative or all zero, ridge <= 0, counts beside a validation set.
        TooLargeError: the features have too many dimensions for the memory there is.
    """
    x, y = _checked(features, targets, "features")
    a = _weights(np.full(len(x), weights) if np.ndim(weights) == 0 else weights, x)
    share = _weights(np.ones(len(x)) if counts is None else counts, x, "counts")
    if np.count_nonzero(a) < 2:
        raise InvalidOptionError("leaving one out needs at least two samples of positive weight, got one")
    if counts is not None and validation is not None:
        raise InvalidOptionError("counts weigh leave-one-out errors; leave them out when a validation set is given")
    if ridge is not None and not (np.isfinite(ridge) and ridge > 0):
        raise InvalidOptionError(f"ridge must be greater than 0, or None to choose it, got {ridge}")
    share = share / share.sum()
    ridge = best_ridge(x, y, a, share) if ridge is None else float(ridge)
    fit = WeightedRidge.fit(x, y, a, ridge)
    passes = _Passes(progress or Log(), 2 * len(x))
    residuals, diagonal, gap = _residuals(fit, x, y, a, passes)
    if validation is not None:
        loss, mean, slopes = _on(fit, validation, x.shape[1], y.shape[1])
        force, quadratic = np.zeros(len(x)), None
    else:
        squared = (residuals**2).sum(1)
        loss = float(share @ squared)
        u, force = 2 * (share / gap)[:, None] * residuals, 2 * share * squared / gap
        mean, slopes, quadratic = _pulled(fit, x, u, force * a)
    gradient = np.empty(len(x))
    for part in passes.blocks(len(x)):
        z = fit.rows(x[part])
        gradient[part] = ((z @ slopes + mean) * (y[part] - fit.fitted(z))).sum(1) + force[part] * diagonal[part]
        if quadratic is not None:
            matrix, vector, number = quadratic
            gradient[part] -= np.einsum("bd,bd->b", z @ matrix, z) + 2 * z @ vector + number
    return Derivative(loss, gradient, residuals, ridge)


@dataclass
class _Passes:
    """Blocks of rows, and a word to whoever listens after each."""

    progress: Progress
    total: int
    done: int = 0

    def blocks(self, n: int) -> Iterator[slice]:
        for part in blocks(n):
            yield part
            self.done += part.stop - part.start
            self.progress.event(DerivativeComputed(done=self.done, total=self.total))


def _residuals(
    fit: WeightedRidge, x: np.ndarray, y: np.ndarray, a: np.ndarray, passes: _Passes
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Leave-one-out residuals (n, c), K_ii (n,) and 1 - h_i (n,)."""
    residuals, diagonal = np.empty(y.shape), np.empty(len(x))
    for part in passes.blocks(len(x)):
        z = fit.rows(x[part])
        diagonal[part] = fit.kernel_diagonal(z)
        residuals[part] = fit.fitted(z) - y[part]
    gap = 1 - a * diagonal
    return residuals / gap[:, None], diagonal, gap


def _pulled(
    fit: WeightedRidge, x: np.ndarray, u: np.ndarray, force: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray, float]]:
    """What K U and the quadratic form are at any row z: z slopes + mean, and z matrix z + 2 z vector + number."""
    d = x.shape[1]
    moment, normal, middle = np.zeros((d, u.shape[1])), np.zeros((d, d)), np.zeros(d)
    for part in blocks(len(x)):
        z = fit.rows(x[part])
        moment += z.T @ u[part]
        middle += force[part] @ z
        z *= np.sqrt(force[part, None])
        normal += z.T @ z
    matrix = fit.inverse @ normal @ fit.inverse
    vector = fit.inverse @ middle / fit.total
    return u.sum(0) / fit.total, fit.inverse @ moment, (matrix, vector, float(force.sum()) / fit.total**2)


def _on(fit: WeightedRidge, validation: Validation, d: int, c: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Loss on a validation set, and sum_v K_jv G_v at any row z: z slopes + mean."""
    x, y = _checked(validation.features, validation.targets, "validation features")
    if x.shape[1] != d or y.shape[1] != c:
        raise InvalidDataError(
            f"validation features and targets must have {d} and {c} columns as the samples have, "
            f"got {x.shape[1]} and {y.shape[1]}"
        )
    moment, mean, loss = np.zeros((d, c)), np.zeros(c), 0.0
    for part in blocks(len(x)):
        z = fit.rows(x[part])
        residual = (fit.fitted(z) - y[part]) / len(x)
        loss += float((residual**2).sum()) * len(x)
        moment += z.T @ (2 * residual)
        mean += 2 * residual.sum(0)
    return loss, mean / fit.total, fit.inverse @ moment


def _checked(features: np.ndarray, targets: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(features), np.asarray(targets, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or not x.size or not y.size:
        raise InvalidDataError(
            f"expected {what} (n, d) with targets (n, c), got shapes {x.shape} and {y.shape}; "
            "one-hot labels are numpy.eye(c)[labels]"
        )
    if not (all(np.isfinite(x[part]).all() for part in blocks(len(x))) and np.isfinite(y).all()):
        raise InvalidDataError(f"{what} or their targets hold NaN or infinite values; clean them first")
    return x, y


def _weights(values: np.ndarray | float, x: np.ndarray, what: str = "weights") -> np.ndarray:
    a = np.asarray(values, dtype=np.float64)
    if a.shape != (len(x),) or not np.isfinite(a).all() or a.min() < 0 or not a.sum() > 0:
        raise InvalidOptionError(
            f"{what} must be {len(x)} numbers of at least 0, one per sample and some of them positive, "
            f"got shape {a.shape}"
        )
    return a
