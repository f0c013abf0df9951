"""Prior: cheap scores of any mixture, known before it is trained."""

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

DESIGN_SIZE = 40  # mixtures whose proxy is computed, to interpolate it everywhere
POPULATION = 400  # random mixtures over which scores are standardized
ROUGHNESS = 1e-3  # share of the proxy's variance that is below the resolution of the interpolation
CORRELATION = 0.5  # prior correlation of the leading scores together with the error

Score = Callable[[Sequence[Weights]], np.ndarray]  # mixtures -> (k,)


@dataclass(frozen=True)
class ProxyDesign:
    """The proxy of a few mixtures all over the space: a space-filling design, the same for equal spaces.

    Attributes:
        values: (n,) squared feature units, of `ProxyDesign.points(space)`.
        seconds: wall time of all of them.
    """

    values: tuple[float, ...]
    seconds: float

    @classmethod
    def of(cls, space: Space, otdd: Callable[[Weights], float]) -> ProxyDesign:
        """Compute the proxy, `otdd`, of every mixture of the design."""
        start = time.perf_counter()
        return cls(tuple(otdd(point) for point in cls.points(space)), time.perf_counter() - start)

    @staticmethod
    def points(space: Space) -> list[Weights]:
        """The single sources, then random mixtures."""
        alone = [space.nearest(Weights.of(row)) for row in np.eye(space.m)]
        return alone + random_weights(space, max(DESIGN_SIZE - space.m, DESIGN_SIZE // 2), seeds.stream(0, "looks"))


@dataclass(frozen=True, eq=False)
class Prior:
    """The geometry of the mixtures, and cheap scores that may predict their errors.

    Scores: the proxy, computed for a few mixtures and interpolated by a Gaussian process; the derivative of the shots'
    error in the sources' weights; the squared distance from `start`; the closed-form distance; the price, where
    sources have prices; the errors predicted by earlier studies, one score each. All but these are standardized over
    random mixtures. A priori the error grows equally with the first three (with the closed form if there is no proxy);
    the weight of the other scores is learned.

    Attributes:
        space: the mixtures that may be proposed.
        hull: the Gram matrix of the sources' maps.
        proxy_design: proxy of `ProxyDesign.points(space)`; None if it is not to be used.
        gradient: (m,) derivative of an error in the sources' weights, if any; that it stands beside the proxy was
            decided on the surfaces of reports/search.md.
        warm_start: earlier studies over the same sources, if any.
        start: a mixture whose error is expected to be small, if any is known.

    >>> hull = Hull(np.diag([1.0, 2.0]), np.eye(2))
    >>> prior = Prior(Space(2), hull)
    >>> near, far = Weights.single(0, 2), Weights.single(1, 2)
    >>> scores = prior.scores([near, far])  # the closed form alone
    >>> scores.shape, bool(scores[0] < scores[1])
    ((2, 1), True)
    """

    space: Space
    hull: Hull
    proxy_design: ProxyDesign | None = None
    gradient: np.ndarray | None = None
    warm_start: WarmStart | None = None
    start: Weights | None = None

    @cached_property
    def _own(self) -> tuple[tuple[Score, bool], ...]:
        """The scores that depend on the mixture only, and whether the error is expected to grow with each."""
        scores: list[tuple[Score, bool]] = [(self.hull.distances_of, self.proxy_design is None)]
        if self.proxy_design:
            scores.append((self._proxy, True))
        if self.gradient is not None:
            scores.append((lambda some: np.array([one.array for one in some]) @ self.gradient, True))
        if self.start is not None:
            scores.append((self._distance_from_start, True))
        if self.space.prices is not None:
            scores.append((lambda some: np.array([self.space.price(one) for one in some]), False))
        return tuple(scores)

    @property
    def slopes(self) -> np.ndarray:
        """(c,) by how many of its standard deviations the error is expected to grow with each score."""
        earlier = len(self.warm_start.surrogates) if self.warm_start else 0
        leads = np.array([leads for _, leads in self._own] + [False] * earlier, dtype=float)
        return CORRELATION * leads / np.sqrt(leads.sum())

    @cached_property
    def unit(self) -> float:
        """The length in `points` by which random mixtures differ."""
        return float(np.sqrt(self.hull.coordinates(self._population).var(axis=0).sum())) or 1.0

    def points(self, weights: Sequence[Weights]) -> np.ndarray:
        """(k, m + 2) coordinates in units of that length; Euclidean distances are distances between mixtures."""
        return self.hull.coordinates(weights) / self.unit

    def scores(self, weights: Sequence[Weights]) -> np.ndarray:
        """(k, c) cheap scores."""
        own = zip(self._own, self._scales, strict=True)
        columns = [(score(weights) - mean) / width for (score, _), (mean, width) in own]
        if self.warm_start:
            columns += self.warm_start.expect(weights)
        return np.column_stack(columns)

    def fit_surrogate(self, weights: Sequence[Weights], errors: np.ndarray) -> Surrogate:
        """A surrogate of n >= 2 evaluations on points and scores."""
        return Surrogate.fit(self.points(weights), self.scores(weights), errors, self.slopes)

    def expected(self, weights: Sequence[Weights], errors: np.ndarray) -> np.ndarray:
        """(n,) posterior means of the evaluated mixtures themselves, by a surrogate of n >= 2 evaluations."""
        surrogate = self.fit_surrogate(weights, errors)
        return surrogate.predict(self.points(weights), self.scores(weights))[0]

    @cached_property
    def _population(self) -> list[Weights]:
        return random_weights(self.space, POPULATION, seeds.stream(0, "population"))

    @cached_property
    def _scales(self) -> list[tuple[float, float]]:
        """Mean and standard deviation of each score over random mixtures."""
        found = [score(self._population) for score, _ in self._own]
        return [(float(values.mean()), float(values.std()) or 1.0) for values in found]

    def _distance_from_start(self, weights: Sequence[Weights]) -> np.ndarray:
        assert self.start is not None
        gaps = np.array([one.array for one in weights]) - self.start.array  # (k, m)
        return np.asarray(np.square(gaps).sum(1))

    def _proxy(self, weights: Sequence[Weights]) -> np.ndarray:
        return self._interpolated.predict(self.points(weights))

    @cached_property
    def _interpolated(self) -> GaussianProcessRegressor:
        assert self.proxy_design is not None
        kernel = ConstantKernel(1.0, (1e-3, 1e3)) * Matern(1.0, (0.1, 50.0), nu=2.5)
        process = GaussianProcessRegressor(kernel, alpha=ROUGHNESS, normalize_y=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a hyperparameter at its bound is a valid fit
            return process.fit(self.points(ProxyDesign.points(self.space)), np.array(self.proxy_design.values))
