"""WeightedRidge: ridge regression with sample weights, computed in blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh
from scipy.optimize import minimize_scalar

from geosearch.adaptation.ridge import RIDGE_GRID, RidgeFit
from geosearch.runtime.memory import require

BLOCK = 4096  # rows converted to float64 at a time


@dataclass(frozen=True, eq=False)
class WeightedRidge:
    """The solution of min over (W, b) of sum_i a_i |z_i W + b - y_i|^2 + ridge |W|^2, z centred on its weighted mean.

    The intercept b is not penalized. Centring makes the normal matrix of the rows (z_i, 1) block diagonal, so that
    the kernel of two samples is K_ij = z_i C z_j + 1 / total.

    Attributes:
        centre: (d,) weighted mean of the features.
        level: (c,) weighted mean of the targets, which is b.
        total: sum of the weights.
        inverse: C = (Z^T D_a Z + ridge I)^-1, (d, d).
        slopes: W, (d, c).

    Example:
        >>> features, targets = np.array([[0.0], [1.0], [9.0]]), np.array([[0.0], [1.0], [0.0]])
        >>> fit = WeightedRidge.fit(features, targets, weights=np.array([1.0, 1.0, 0.0]), ridge=1e-9)
        >>> fit.head.predict(np.array([[0.5]])).round(6)
        array([[0.5]])
    """

    centre: np.ndarray
    level: np.ndarray
    total: float
    inverse: np.ndarray
    slopes: np.ndarray

    @classmethod
    def fit(cls, features: np.ndarray, targets: np.ndarray, weights: np.ndarray, ridge: float) -> WeightedRidge:
        """Fit to weighted samples.

        Args:
            features: (n, d).
            targets: (n, c), one-hot or soft labels.
            weights: (n,) >= 0, at least one positive.
            ridge: penalty > 0 in squared feature units.

        Raises:
            TooLargeError: the features have too many dimensions for the available memory.
        """
        _require_room(features.shape[1])
        centre, level, total = _means(features, targets, weights)
        normal, moment = _moments(features, targets, weights, centre)
        normal.flat[:: len(normal) + 1] += ridge
        inverse = cho_solve(cho_factor(normal, lower=True), np.eye(len(normal)))
        return cls(centre, level, total, (inverse + inverse.T) / 2, inverse @ moment)

    @property
    def head(self) -> RidgeFit:
        """The same regression for features that are not centred."""
        return RidgeFit(self.slopes, self.level - self.centre @ self.slopes)

    def rows(self, features: np.ndarray) -> np.ndarray:
        """Features (b, d) in float64, centred as in the fit."""
        return features.astype(np.float64) - self.centre

    def fitted(self, z: np.ndarray) -> np.ndarray:
        """Predictions (b, c) at centred rows (b, d)."""
        return z @ self.slopes + self.level

    def kernel_diagonal(self, z: np.ndarray) -> np.ndarray:
        """K_ii (b,) at centred rows (b, d)."""
        return np.einsum("bd,bd->b", z @ self.inverse, z) + 1 / self.total


def best_ridge(
    features: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    counts: np.ndarray,
    *,
    standard_errors: float = 0.0,
    refine: bool = False,
) -> float:
    """Select the penalty with the smallest leave-one-out error of the weighted fit.

    The grid is `RIDGE_GRID` in units of the mean squared norm of the centred features times the mean weight that a
    unit of weight sees, sum a^2 / sum a. So the penalty is proportional to the scale of the weights, and scaling them
    changes no prediction. One eigendecomposition of the normal matrix serves the whole grid: O(n d^2 + d^3 + g k d c)
    for g penalties and k samples of positive count.

    Args:
        features: (n, d).
        targets: (n, c).
        weights: (n,) >= 0, weights of the samples in the fit.
        counts: (n,) >= 0, weights of their errors in the mean.
        standard_errors: select the largest penalty whose error is within this number of standard errors of the
            smallest; 1 is the one-standard-error rule of Breiman et al. 1984.
        refine: search between the neighbours of the best penalty of the grid for the minimum itself. Then the
            derivative of the smallest error in the weights is that at a fixed penalty (envelope theorem).

    Returns:
        The penalty in squared feature units times weight.

    Raises:
        TooLargeError: the features have too many dimensions for the available memory.
    """
    _require_room(features.shape[1])
    errors = _ErrorCurve.of(features, targets, weights, counts)
    grid = RIDGE_GRID * errors.scale
    mean, variance = errors.at(grid)
    best = int(mean.argmin())
    if standard_errors:
        return float(grid[mean <= mean[best] + standard_errors * np.sqrt(variance[best])].max())
    if refine and 0 < best < len(grid) - 1:
        span = (np.log(grid[best - 1]), np.log(grid[best + 1]))
        found = minimize_scalar(lambda x: errors.at(np.exp([x]))[0][0], bounds=span, options={"xatol": 1e-7})
        return float(np.exp(found.x))
    return float(grid[best])


@dataclass(frozen=True, eq=False)
class _ErrorCurve:
    """The leave-one-out error of a weighted ridge regression as a function of its penalty.

    Attributes:
        features, targets, weights: (k, d), (k, c) and (k,) of the samples of positive count.
        share: (k,) weights of their errors, with sum 1.
        centre, level, total: as in `WeightedRidge`.
        spectrum, basis: eigenvalues (d,) and eigenvectors (d, d) of the normal matrix.
        rotated: (d, c) moments of the targets in the eigenvectors.
        scale: unit of the penalty.
    """

    features: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    share: np.ndarray
    centre: np.ndarray
    level: np.ndarray
    total: float
    spectrum: np.ndarray
    basis: np.ndarray
    rotated: np.ndarray
    scale: float

    @classmethod
    def of(cls, features: np.ndarray, targets: np.ndarray, weights: np.ndarray, counts: np.ndarray) -> _ErrorCurve:
        centre, level, total = _means(features, targets, weights)
        normal, moment = _moments(features, targets, weights, centre)
        spectrum, basis = eigh(normal)
        spectrum = np.maximum(spectrum, 0.0)
        rows = slice(None) if counts.all() else np.flatnonzero(counts)
        scale = (float(spectrum.sum()) / total or 1.0) * float(weights @ weights) / total
        data = (features[rows], targets[rows], weights[rows], counts[rows] / counts.sum())
        return cls(*data, centre, level, total, spectrum, basis, basis.T @ moment, scale)

    def at(self, penalties: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean error and the variance of that mean at each of g penalties: (g,), (g,)."""
        shrink = 1 / (self.spectrum[:, None] + penalties)  # (d, g)
        moments = np.zeros((3, len(penalties)))  # sums of share * e, share^2 * e, share^2 * e^2 over squared errors e
        for part in blocks(len(self.features)):
            p = (self.features[part].astype(np.float64) - self.centre) @ self.basis  # (b, d)
            leverage = self.weights[part, None] * (p**2 @ shrink + 1 / self.total)  # (b, g)
            some = self.share[part]
            for g in range(len(penalties)):
                residual = p @ (shrink[:, g, None] * self.rotated) + self.level - self.targets[part]
                squared = (residual**2).sum(1) / (1 - leverage[:, g]) ** 2
                moments[:, g] += some @ squared, some**2 @ squared, some**2 @ squared**2
        mean = moments[0]
        variance = moments[2] - 2 * mean * moments[1] + mean**2 * float(self.share @ self.share)
        return mean, np.maximum(variance, 0.0)


def blocks(n: int) -> Iterator[slice]:
    """Consecutive slices of at most `BLOCK` rows that cover n rows."""
    return (slice(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK))


def _means(features: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    total = float(weights.sum())
    centre, level = np.zeros(features.shape[1]), np.zeros(targets.shape[1])
    for part in blocks(len(features)):
        centre += weights[part] @ features[part].astype(np.float64)
        level += weights[part] @ targets[part]
    return centre / total, level / total, total


def _moments(
    features: np.ndarray, targets: np.ndarray, weights: np.ndarray, centre: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Z^T D Z (d, d) and Z^T D Y (d, c) of the centred features."""
    d = features.shape[1]
    normal, moment = np.zeros((d, d)), np.zeros((d, targets.shape[1]))
    for part in blocks(len(features)):
        root = np.sqrt(weights[part, None])
        z = (features[part].astype(np.float64) - centre) * root
        normal += z.T @ z
        moment += z.T @ (root * targets[part])
    return normal, moment


def _require_room(d: int) -> None:
    require(6 * 8 * d**2, f"ridge regression on {d} features", "use an embedding with fewer dimensions, e.g. PCA")
