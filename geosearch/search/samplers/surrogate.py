"""Surrogate: posterior mean and deviation of the error of any mixture, from those that were evaluated."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Kernel, Matern, WhiteKernel

from geosearch.search.samplers.column_kernel import ColumnKernel

FEWEST = 6  # evaluations below which a surrogate is not used to rank them
LEVEL = 1.0  # prior variance of the constant
# of the priors: slopes, amplitude, length scale, noise (variances; unit errors); chosen on the surfaces az_letters/3,
# kmnist/5 and mnist/3 of reports/search.md and on synthetic ones, checked on its other three
_CENTERS = np.log([0.1, 0.5, 1.0, 0.1])
_WIDTHS = np.array([1.0, 1.0, 0.5, 1.0])


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A Gaussian process: a constant, a linear function of cheap scores, a smooth function of the place, and noise.

    The linear function has prior slopes as its mean, so evaluations that contradict the prior override it, and its
    uncertainty is part of every deviation. The variance of the slopes, the amplitude and length scale of the smooth
    part (Matern 5/2) and the noise maximize the posterior density under wide log-normal priors, which matter while
    there are few evaluations.

    Attributes:
        process: on standardized points and scores (n, d + c) and errors beyond their prior mean.
        slopes: (c,) prior slopes, in standardized errors per unit of each cheap score.
        unit: length by which points are divided.
        center, scale: mean and standard deviation of the cheap scores, (c,) each.
        level, spread: mean and standard deviation of the errors.

    Source: Rasmussen & Williams 2006, section 2.7.

    >>> points, rng = np.linspace(0, 1, 12)[:, None], np.random.default_rng(0)
    >>> errors = (points[:, 0] - 0.3) ** 2 + 0.001 * rng.normal(size=12)
    >>> mean, deviation = Surrogate.fit(points, points, errors).predict(points, points)
    >>> mean.shape, deviation.shape, int(mean.argmin())
    ((12,), (12,), 3)
    """

    process: GaussianProcessRegressor
    slopes: np.ndarray
    unit: float
    center: np.ndarray
    scale: np.ndarray
    level: float
    spread: float

    @classmethod
    def fit(
        cls, points: np.ndarray, cheap: np.ndarray, errors: np.ndarray, slopes: np.ndarray | None = None
    ) -> Surrogate:
        """From n >= 2 evaluated mixtures.

        Args:
            points: (n, d) coordinates in which a Euclidean distance is one between mixtures.
            cheap: (n, c) cheap scores of the same mixtures.
            errors: (n,) evaluations.
            slopes: (c,) prior increase of the error, in its standard deviations, per unit of each score; 0 by default.
        """
        bare = cls(
            GaussianProcessRegressor(_kernel(points.shape[1], cheap.shape[1]), optimizer=_maximize_posterior),
            slopes=np.zeros(cheap.shape[1]) if slopes is None else slopes,
            unit=float(np.sqrt(points.var(axis=0).sum())) or 1.0,
            center=cheap.mean(0),
            scale=np.where(cheap.std(0) > 0, cheap.std(0), 1.0),
            level=float(errors.mean()),
            spread=float(errors.std()) or 1.0,
        )
        return bare._with(bare.process, points, cheap, errors)

    def condition(self, points: np.ndarray, cheap: np.ndarray, errors: np.ndarray) -> Surrogate:
        """The same process, its hyperparameters kept, given these evaluations (see `fit`) instead of its own.

        Errors that were not measured but assumed, those of running trials, teach nothing about noise or length scale.
        """
        return self._with(GaussianProcessRegressor(self.process.kernel_, optimizer=None), points, cheap, errors)

    @property
    def noise(self) -> float:
        """Standard deviation of one evaluation, in the errors' units."""
        return float(np.sqrt(self._noise)) * self.spread

    def predict(self, points: np.ndarray, cheap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Posterior mean and standard deviation (noise left out) of the expected errors: (k, d), (k, c) -> 2 x (k,)."""
        mean, deviation = self.process.predict(self._inputs(points, cheap), return_std=True)
        latent = np.sqrt(np.maximum(deviation**2 - self._noise, 1e-12))
        return self.level + self.spread * (self._prior_mean(cheap) + mean), self.spread * latent

    def covariance(self, points: np.ndarray, cheap: np.ndarray) -> np.ndarray:
        """Posterior covariance (noise left out) of the expected errors of k mixtures: (k, d), (k, c) -> (k, k)."""
        covariance = self.process.predict(self._inputs(points, cheap), return_cov=True)[1]
        return self.spread**2 * (covariance - self._noise * np.eye(len(points)))

    @property
    def _noise(self) -> float:
        """Variance of one evaluation, standardized."""
        return float(self.process.kernel_.k2.noise_level)

    def _inputs(self, points: np.ndarray, cheap: np.ndarray) -> np.ndarray:
        return np.hstack([points / self.unit, (cheap - self.center) / self.scale])

    def _prior_mean(self, cheap: np.ndarray) -> np.ndarray:
        return np.asarray((cheap - self.center) @ self.slopes)  # (k, c) @ (c,)

    def _with(
        self, process: GaussianProcessRegressor, points: np.ndarray, cheap: np.ndarray, errors: np.ndarray
    ) -> Surrogate:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a hyperparameter at its bound is a valid fit
            beyond = (errors - self.level) / self.spread - self._prior_mean(cheap)
            return replace(self, process=process.fit(self._inputs(points, cheap), beyond))


def _kernel(d: int, c: int) -> Kernel:
    """Of d columns of points and c columns of scores, at the centers of the priors."""
    linear, smooth = DotProduct(0.0, "fixed"), Matern(1.0, (0.1, 20.0), nu=2.5)
    kernel = (
        ConstantKernel(LEVEL, "fixed")
        + ConstantKernel(1.0, (1e-3, 1e2)) * ColumnKernel(linear, d, d + c)
        + ConstantKernel(1.0, (1e-3, 1e2)) * ColumnKernel(smooth, 0, d)
        + WhiteKernel(0.1, (1e-4, 2.0))
    )
    return kernel.clone_with_theta(_CENTERS)


def _maximize_posterior(
    negative: Callable[..., tuple[float, np.ndarray]], start: np.ndarray, bounds: np.ndarray
) -> tuple[np.ndarray, float]:
    """The optimizer of the process: minimizes the negative log marginal likelihood plus that of the priors."""

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = negative(theta)
        gap = (theta - _CENTERS) / _WIDTHS
        return value + 0.5 * float(gap @ gap), gradient + gap / _WIDTHS

    found = minimize(objective, start, jac=True, bounds=bounds, method="L-BFGS-B")
    return found.x, float(found.fun)


def expected_improvement(mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
    """Expected improvement of an error on `best`: (k,) -> (k,). Source: Jones, Schonlau & Welch 1998, eq. 15."""
    gap = best - mean
    z = gap / deviation
    return np.asarray(gap * stats.norm.cdf(z) + deviation * stats.norm.pdf(z))
