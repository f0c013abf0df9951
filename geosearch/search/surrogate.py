"""Surrogate: what the error of any mixture is expected to be, and how surely, from those that were evaluated."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy import stats
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from geosearch.evaluate.leave_one_out import RidgeFit, leave_one_out, ridge_fit


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A Gaussian process on the residuals of a regression on cheap scores.

    The regression's ridge penalty is the one with the least leave-one-out error, so cheap scores that say nothing
    of the errors get next to no weight. Lengthscale, amplitude and noise of the process are those of the greatest
    marginal likelihood.

    Attributes:
        process: on standardised points and residuals.
        trend: cheap scores, standardised -> standardised error.
        unit: length of the points that counts as 1.
        centre, scale: of the cheap scores, (c,) each.
        level, spread: of the errors.
    """

    process: GaussianProcessRegressor
    trend: RidgeFit
    unit: float
    centre: np.ndarray
    scale: np.ndarray
    level: float
    spread: float

    @classmethod
    def fit(cls, points: np.ndarray, cheap: np.ndarray, errors: np.ndarray) -> Surrogate:
        """From n >= 2 evaluated mixtures.

        Args:
            points: (n, d) coordinates in which a Euclidean distance is one between mixtures.
            cheap: (n, c) scores of the same mixtures that cost next to nothing.
            errors: (n,) evaluations.
        """
        unit = float(np.sqrt(points.var(axis=0).sum())) or 1.0
        centre, scale = cheap.mean(0), np.where(cheap.std(0) > 0, cheap.std(0), 1.0)
        level, spread = float(errors.mean()), float(errors.std()) or 1.0
        x, z, y = points / unit, (cheap - centre) / scale, (errors - level) / spread
        trend = ridge_fit(z, y[:, None], leave_one_out(z, y[:, None]).ridge)
        kernel = ConstantKernel(1.0, (1e-3, 1e2)) * Matern(1.0, (0.1, 20.0), nu=2.5) + WhiteKernel(0.1, (1e-4, 2.0))
        process = GaussianProcessRegressor(kernel)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a hyperparameter at its bound is an answer too
            process.fit(x, y - trend.predict(z)[:, 0])
        return cls(process, trend, unit, centre, scale, level, spread)

    @property
    def noise(self) -> float:
        """Standard deviation of one evaluation, in the errors' units."""
        return float(np.sqrt(self.process.kernel_.k2.noise_level)) * self.spread

    def predict(self, points: np.ndarray, cheap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Posterior mean and standard deviation (noise left out) of the expected errors: (k, d), (k, c) -> 2 x (k,)."""
        mean, deviation = self.process.predict(points / self.unit, return_std=True)
        latent = np.sqrt(np.maximum(deviation**2 - self.process.kernel_.k2.noise_level, 1e-12))
        trend = self.trend.predict((cheap - self.centre) / self.scale)[:, 0]
        return self.level + self.spread * (mean + trend), self.spread * latent


def expected_improvement(mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
    """How far an error is expected to fall below `best`: (k,) -> (k,). Source: Jones, Schonlau & Welch 1998, eq. 15."""
    gap = best - mean
    z = gap / deviation
    return np.asarray(gap * stats.norm.cdf(z) + deviation * stats.norm.pdf(z))
