"""Prior: what is known of any mixture before it is trained, for next to nothing."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from geosearch import seeds
from geosearch.mixture.hull import Hull
from geosearch.mixture.weights import Weights
from geosearch.search.samplers.base import random_weights
from geosearch.search.samplers.surrogate import Surrogate
from geosearch.search.samplers.warm_start import WarmStart
from geosearch.search.space import Space

LOOKS = 40  # mixtures whose held-out OTDD is computed, to know it everywhere
POPULATION = 400  # random mixtures that fix the units
ROUGHNESS = 1e-3  # share of the looks' variance that lies below the resolution of the interpolation
CORRELATION = 0.5  # expected of the leading scores together and the error, before anything is trained

Score = Callable[[Sequence[Weights]], np.ndarray]  # mixtures -> (k,)


@dataclass(frozen=True)
class ProxyDesign:
    """Held-out OTDD of a few mixtures all over the space, the same ones whenever the space is.

    Attributes:
        values: (n,) squared feature units, of `ProxyDesign.points(space)`.
        seconds: that they took.
    """

    values: tuple[float, ...]
    seconds: float

    @classmethod
    def of(cls, space: Space, otdd: Callable[[Weights], float]) -> ProxyDesign:
        start = time.perf_counter()
        return cls(tuple(otdd(point) for point in cls.points(space)), time.perf_counter() - start)

    @staticmethod
    def points(space: Space) -> list[Weights]:
        """The single sources, then random mixtures."""
        alone = [space.nearest(Weights.of(row)) for row in np.eye(space.m)]
        return alone + random_weights(space, max(LOOKS - space.m, LOOKS // 2), seeds.stream(0, "looks"))


@dataclass(frozen=True, eq=False)
class Prior:
    """The geometry of the mixtures, and cheap scores that may foretell their errors.

    Scores: the held-out OTDD, computed for a few mixtures and interpolated by a Gaussian process; the derivative of the
    shots' error in the sources' weights; the closed-form distance; the price, where sources have prices and errors are
    weighed against them; what earlier studies lead to expect. All but the last are standardised over random mixtures.
    The error is expected to grow with the first two alike, or with the closed form in place of a held-out OTDD that is
    missing; the other scores count as far as the evaluations say.

    Attributes:
        space: the mixtures that may be proposed.
        hull: the Gram matrix of the sources' maps.
        looks: held-out OTDD of `ProxyDesign.points(space)`; None if it is not to be used.
        gradient: (m,) derivative of an error in the sources' weights (`source_gradient`), if any.
        experience: of earlier studies over the same sources, if any.
    """

    space: Space
    hull: Hull
    looks: ProxyDesign | None = None
    gradient: np.ndarray | None = None
    experience: WarmStart | None = None

    @cached_property
    def _own(self) -> tuple[tuple[Score, bool], ...]:
        """The scores that depend on nothing but the mixture, and whether the error is expected to grow with each."""
        scores: list[tuple[Score, bool]] = [(self._closed_form, self.looks is None)]
        if self.looks:
            scores.append((self._otdd, True))
        if self.gradient is not None:
            scores.append((lambda some: np.array([one.array for one in some]) @ self.gradient, True))
        if self.space.prices is not None:
            scores.append((lambda some: np.array([self.space.price(one) for one in some]), False))
        return tuple(scores)

    @property
    def slopes(self) -> np.ndarray:
        """(c,) by how many of its standard deviations the error is expected to grow with each score."""
        leads = np.array([leads for _, leads in self._own] + [False] * (self.experience is not None), dtype=float)
        return CORRELATION * leads / np.sqrt(leads.sum())

    @cached_property
    def unit(self) -> float:
        """The length in `points` by which random mixtures differ."""
        return float(np.sqrt(self.hull.coordinates(self._population).var(axis=0).sum())) or 1.0

    def points(self, weights: Sequence[Weights]) -> np.ndarray:
        """(k, m + 2) coordinates in units of that length; Euclidean distances are distances between mixtures."""
        return self.hull.coordinates(weights) / self.unit

    def task_similarity(self, weights: Sequence[Weights], errors: np.ndarray) -> dict[str, float]:
        """How far each earlier study agrees with the evaluations so far; see `WarmStart`."""
        return self.experience.task_similarity(weights, errors) if self.experience and weights else {}

    def scores(self, weights: Sequence[Weights], task_similarity: dict[str, float]) -> np.ndarray:
        """(k, c) cheap scores."""
        own = zip(self._own, self._scales, strict=True)
        columns = [(score(weights) - mean) / width for (score, _), (mean, width) in own]
        if self.experience:
            columns.append(
                self.experience.expect(weights, task_similarity) if task_similarity else np.zeros(len(weights))
            )
        return np.column_stack(columns)

    def fitted(self, weights: Sequence[Weights], errors: np.ndarray) -> tuple[Surrogate, dict[str, float]]:
        """A surrogate of n >= 2 evaluations on points and scores, and the likeness of earlier studies behind these."""
        task_similarity = self.task_similarity(weights, errors)
        scores = self.scores(weights, task_similarity)
        return Surrogate.fit(self.points(weights), scores, errors, self.slopes), task_similarity

    def expected(self, weights: Sequence[Weights], errors: np.ndarray) -> np.ndarray:
        """(n,) what a surrogate of n >= 2 evaluations expects of the evaluated mixtures themselves."""
        surrogate, task_similarity = self.fitted(weights, errors)
        return surrogate.predict(self.points(weights), self.scores(weights, task_similarity))[0]

    @cached_property
    def _population(self) -> list[Weights]:
        return random_weights(self.space, POPULATION, seeds.stream(0, "population"))

    @cached_property
    def _scales(self) -> list[tuple[float, float]]:
        """Mean and standard deviation of every score of its own over random mixtures."""
        found = [score(self._population) for score, _ in self._own]
        return [(float(values.mean()), float(values.std()) or 1.0) for values in found]

    def _closed_form(self, weights: Sequence[Weights]) -> np.ndarray:
        return np.array([self.hull.distance(one) for one in weights])

    def _otdd(self, weights: Sequence[Weights]) -> np.ndarray:
        return self._interpolated.predict(self.points(weights))

    @cached_property
    def _interpolated(self) -> GaussianProcessRegressor:
        assert self.looks is not None
        kernel = ConstantKernel(1.0, (1e-3, 1e3)) * Matern(1.0, (0.1, 50.0), nu=2.5)
        process = GaussianProcessRegressor(kernel, alpha=ROUGHNESS, normalize_y=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a hyperparameter at its bound is an answer too
            return process.fit(self.points(ProxyDesign.points(self.space)), np.array(self.looks.values))
