"""The dataset derivative: the gradient of a ridge head's error in the weight of every sample, in closed form.

With weights a, Z~ = (Z, 1), C the inverse of Z~^T D_a Z~ + ridge and K = Z~ C Z~^T:

    F = Z~ C Z~^T D_a Y,   h_i = a_i K_ii,   e_i = (F_i - Y_i) / (1 - h_i)          leave-one-out residuals
    dF_i / da_j = K_ij (Y_j - F_j),   dK_ii / da_j = -K_ij^2

The derivative of a loss on validation points v with gradient G is therefore sum_v K_jv <G_v, Y_j - F_j>, and that of
the leave-one-out loss sum_i |e_i|^2, with U_i = 2 e_i / (1 - h_i) and V_i = 2 |e_i|^2 / (1 - h_i), is

    <(K U)_j, Y_j - F_j> + V_j K_jj - sum_i V_i a_i K_ij^2.

The last sum is the quadratic form z~_j^T C (Z~^T D_{Va} Z~) C z~_j, so no n x n matrix is formed.
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
    """Validation samples: the error is measured on them, the head is not fitted to them.

    Attributes:
        features: (p, d).
        targets: (p, c), one-hot or soft labels.

    Example:
        >>> validation = Validation(np.array([[0.5]]), np.array([[1.0]]))
        >>> dataset_derivative(
        ...     np.array([[0.0], [1.0]]), np.array([[0.0], [1.0]]), ridge=1e-9, validation=validation
        ... ).loss.__round__(6)
        0.25
    """

    features: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True, eq=False)
class Derivative:
    """The error of a ridge head, and its gradient in the sample weights.

    Attributes:
        loss: mean squared residual norm, leave-one-out or on the validation set; smaller is better.
        gradient: (n,) derivative of `loss` in each weight; samples with a positive one are harmful.
        residuals: (n, c) leave-one-out residuals, prediction minus target, also with a validation set.
        ridge: the penalty (squared feature units).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.arange(100) % 2
        >>> features = rng.normal(size=(100, 5)) + 3 * labels[:, None]
        >>> labels[7] = 0  # was 1
        >>> int(dataset_derivative(features, np.eye(2)[labels]).gradient.argmax())
        7
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
    """Gradient of the leave-one-out error, or of a validation error, of a ridge head in the sample weights.

    The cost is O(n d^2 + d^3 + n d c) operations in float64, and memory for a few (d, d) and (n, c) arrays besides the
    features, which may be float32 or memory-mapped. The intercept is not penalized, as in `leave_one_out`.

    Args:
        features: (n, d).
        targets: (n, c), one-hot or soft labels.
        weights: (n,) or a number, >= 0; a sample of weight 0 is not in the fit, but has a derivative.
        ridge: penalty > 0 in squared feature units; None selects the one of a grid with the smallest leave-one-out
            error.
        validation: measure the error on these samples instead.
        counts: (n,) >= 0, weight of each sample's leave-one-out error in the mean; equal if None.
        progress: told how many rows are done; the log if None.

    Raises:
        InvalidDataError: shapes that do not match, NaN or infinite values.
        InvalidOptionError: weights or counts that are negative or all zero, ridge <= 0, or counts together with a
            validation set.
        TooLargeError: the features have too many dimensions for the available memory.
    """
    x, y = _check(features, targets, "features")
    a = _check_weights(np.full(len(x), weights) if np.ndim(weights) == 0 else weights, x)
    share = _check_weights(np.ones(len(x)) if counts is None else counts, x, "counts")
    if np.count_nonzero(a) < 2:
        raise InvalidOptionError("leaving one out needs at least two samples of positive weight, got one")
    if counts is not None and validation is not None:
        raise InvalidOptionError("counts are weights of leave-one-out errors; omit them when a validation set is given")
    if ridge is not None and not (np.isfinite(ridge) and ridge > 0):
        raise InvalidOptionError(f"ridge must be greater than 0, or None to select it, got {ridge}")
    share = share / share.sum()
    ridge = best_ridge(x, y, a, share) if ridge is None else float(ridge)
    fit = WeightedRidge.fit(x, y, a, ridge)
    passes = _Passes(progress or Log(), 2 * len(x))
    residuals, diagonal, gap = _residuals(fit, x, y, a, passes)
    if validation is not None:
        loss, mean, slopes = _validate(fit, validation, x.shape[1], y.shape[1])
        force, quadratic = np.zeros(len(x)), None
    else:
        squared = (residuals**2).sum(1)
        loss = float(share @ squared)
        u, force = 2 * (share / gap)[:, None] * residuals, 2 * share * squared / gap
        mean, slopes, quadratic = _sum_over_samples(fit, x, u, force * a)
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
    """Blocks of rows; reports progress after each."""

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


def _sum_over_samples(
    fit: WeightedRidge, x: np.ndarray, u: np.ndarray, force: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray, float]]:
    """K U and the quadratic form at any row z, as z slopes + mean and z matrix z + 2 z vector + number."""
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


def _validate(fit: WeightedRidge, validation: Validation, d: int, c: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Loss on a validation set, and sum_v K_jv G_v at any row z as z slopes + mean."""
    x, y = _check(validation.features, validation.targets, "validation features")
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


def _check(features: np.ndarray, targets: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(features), np.asarray(targets, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or not x.size or not y.size:
        raise InvalidDataError(
            f"expected {what} (n, d) with targets (n, c), got shapes {x.shape} and {y.shape}; "
            "one-hot labels are numpy.eye(c)[labels]"
        )
    if not (all(np.isfinite(x[part]).all() for part in blocks(len(x))) and np.isfinite(y).all()):
        raise InvalidDataError(f"{what} or their targets hold NaN or infinite values; clean them first")
    return x, y


def _check_weights(values: np.ndarray | float, x: np.ndarray, what: str = "weights") -> np.ndarray:
    a = np.asarray(values, dtype=np.float64)
    if a.shape != (len(x),) or not np.isfinite(a).all() or a.min() < 0 or not a.sum() > 0:
        raise InvalidOptionError(
            f"{what} must be {len(x)} numbers of at least 0, one per sample and some of them positive, "
            f"got shape {a.shape}"
        )
    return a
