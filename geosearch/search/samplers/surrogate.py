"""Surrogate: posterior mean and deviation of the error of any mixture, from those that were evaluated."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from geosearch.adaptation.ridge import RidgeFit, leave_one_out, ridge_fit

FEWEST = 6  # evaluations below which a surrogate is not used to rank them
_CENTERS = np.log([1.0, 1.0, 0.1])  # of the priors of amplitude, lengthscale and noise (variances; units of the data)
_WIDTHS = np.array([1.0, 0.5, 1.0])


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A Gaussian process on the residuals of a regression on cheap scores.

    The regression shrinks towards prior slopes; its ridge penalty minimizes the leave-one-out error, so evaluations
    that contradict the prior override it. Length scale, amplitude and noise of the process maximize the posterior
    density under wide log-normal priors, which matter while there are few evaluations.

    Attributes:
        process: on standardized points and residuals.
        trend: standardized cheap scores -> standardized errors minus their prior mean.
        slopes: (c,) prior slopes, in standardized errors per unit of each cheap score.
        unit: length by which points are divided.
        center, scale: mean and standard deviation of the cheap scores, (c,) each.
        level, spread: mean and standard deviation of the errors.

    >>> points, rng = np.linspace(0, 1, 12)[:, None], np.random.default_rng(0)
    >>> errors = (points[:, 0] - 0.3) ** 2 + 0.001 * rng.normal(size=12)
    >>> mean, deviation = Surrogate.fit(points, points, errors).predict(points, points)
    >>> mean.shape, deviation.shape, int(mean.argmin())
    ((12,), (12,), 3)
    """

    process: GaussianProcessRegressor
    trend: RidgeFit
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
        slopes = np.zeros(cheap.shape[1]) if slopes is None else slopes
        unit = float(np.sqrt(points.var(axis=0).sum())) or 1.0
        center, scale = cheap.mean(0), np.where(cheap.std(0) > 0, cheap.std(0), 1.0)
        level, spread = float(errors.mean()), float(errors.std()) or 1.0
        x, z, y = points / unit, (cheap - center) / scale, (errors - level) / spread
        beyond = y[:, None] - ((cheap - center) @ slopes)[:, None]
        trend = ridge_fit(z, beyond, leave_one_out(z, beyond).ridge)
        kernel = ConstantKernel(1.0, (1e-3, 1e2)) * Matern(1.0, (0.1, 20.0), nu=2.5) + WhiteKernel(0.1, (1e-4, 2.0))
        process = GaussianProcessRegressor(kernel, optimizer=_maximize_posterior)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a hyperparameter at its bound is a valid fit
            process.fit(x, (beyond - trend.predict(z))[:, 0])
        return cls(process, trend, slopes, unit, center, scale, level, spread)

    @property
    def noise(self) -> float:
        """Standard deviation of one evaluation, in the errors' units."""
        return float(np.sqrt(self.process.kernel_.k2.noise_level)) * self.spread

    def predict(self, points: np.ndarray, cheap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Posterior mean and standard deviation (noise left out) of the expected errors: (k, d), (k, c) -> 2 x (k,)."""
        mean, deviation = self.process.predict(points / self.unit, return_std=True)
        latent = np.sqrt(np.maximum(deviation**2 - self.process.kernel_.k2.noise_level, 1e-12))
        gaps = cheap - self.center  # (k, c)
        trend = gaps @ self.slopes + self.trend.predict(gaps / self.scale)[:, 0]
        return self.level + self.spread * (mean + trend), self.spread * latent

    def covariance(self, points: np.ndarray) -> np.ndarray:
        """Posterior covariance (noise left out) of the expected errors of k mixtures: (k, d) -> (k, k)."""
        covariance = self.process.predict(points / self.unit, return_cov=True)[1]
        return self.spread**2 * (covariance - self.process.kernel_.k2.noise_level * np.eye(len(points)))


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
