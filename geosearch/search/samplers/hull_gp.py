"""HullSampler: an Optuna sampler that knows the hull it samples from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from geosearch.mixture.weights import Weights, from_unit_concentration, to_unit_concentration
from geosearch.search.samplers.base import Evaluated, MixtureSampler, random_weights
from geosearch.search.samplers.prior import CORRELATION, Prior
from geosearch.search.samplers.surrogate import Surrogate, expected_improvement

CANDIDATES = 1500  # drawn anew for every proposal
POLISH = (0.2, 0.05)  # shares by which the best candidates are moved, round after round
SAME = 0.3  # mixtures nearer than this share of the spread of all, over the root of how many were tried, are one
LEADERS = 20  # candidates that are moved


class HullSampler(MixtureSampler):
    """Expected improvement of a Gaussian process on the geometry of the mixtures themselves.

    Two parameter vectors that synthesize the same data set are the same point (`Hull.coordinates`), the kernel's
    distance is the distance between mixtures, and cheap scores are prior knowledge whose weight the evaluations decide.
    The first proposals rest on that knowledge alone: mixtures of small distance to the target that are unlike each
    other. Candidates lie on the whole simplex with its faces and corners, exact zeros included. Trials that are still
    running are taken to end as the process expects, so several workers can ask.

    Use it with any study whose objective calls `space.suggest(trial)`:

    >>> study = optuna.create_study(sampler=HullSampler(Prior(space, hull), seed=0))   # doctest: +SKIP
    >>> study.optimize(lambda trial: error(space.suggest(trial)), n_trials=30)         # doctest: +SKIP

    Args:
        prior: the space, its geometry, and the cheap scores.
        seed: of the candidates. They depend on it and on how many trials ended or are running, so a resumed study
            goes on instead of repeating itself.
        startup: how many evaluated trials it takes until errors are learned from; four at least.
    """

    def __init__(self, prior: Prior, *, seed: int = 0, startup: int = 4) -> None:
        super().__init__(prior.space, seed=seed, startup=0)
        self._prior = prior
        self._first = max(startup, 4)

    def propose(self, done: Evaluated, pending: Sequence[Weights], rng: np.random.Generator) -> Weights:
        promise = (
            self._acquisition(done, pending)
            if len(done.weights) >= self._first
            else self._lower_confidence_bound(done, pending)
        )
        return self._argmax(random_weights(self.space, CANDIDATES, rng), promise, rng)

    def _lower_confidence_bound(
        self, done: Evaluated, pending: Sequence[Weights]
    ) -> Callable[[Sequence[Weights]], np.ndarray]:
        """Lower confidence bounds (k,), turned round, before there are errors to learn from: the cheap scores, and the
        deviation that a process of unit length leaves where nothing was tried."""
        tried = self._prior.points([*done.weights, *pending])
        kernel = ConstantKernel(1 - CORRELATION**2, "fixed") * Matern(1.0, "fixed", nu=2.5)
        process = GaussianProcessRegressor(kernel, alpha=0.05, optimizer=None)
        if len(tried):
            process.fit(tried, np.zeros(len(tried)))

        def hope(some: Sequence[Weights]) -> np.ndarray:
            deviation = process.predict(self._prior.points(some), return_std=True)[1]
            return deviation - self._prior.scores(some, {}) @ self._prior.slopes

        return hope

    def _acquisition(self, done: Evaluated, pending: Sequence[Weights]) -> Callable[[Sequence[Weights]], np.ndarray]:
        """Expected improvement (k,); what was evaluated, or is being evaluated, promises nothing."""
        prior = self._prior
        surrogate, task_similarity = prior.fitted(done.weights, done.errors)
        points, cheap = prior.points(done.weights), prior.scores(done.weights, task_similarity)
        best = float(surrogate.predict(points, cheap)[0].min())
        if pending:
            more, more_cheap = prior.points(pending), prior.scores(pending, task_similarity)
            expected = surrogate.predict(more, more_cheap)[0]
            points, cheap = np.vstack([points, more]), np.vstack([cheap, more_cheap])
            surrogate = Surrogate.fit(points, cheap, np.concatenate([done.errors, expected]), prior.slopes)

        def promise(some: Sequence[Weights]) -> np.ndarray:
            here = prior.points(some)
            gaps = np.sqrt(((here[:, None] - points[None]) ** 2).sum(2)).min(1)  # (k,)
            expected = expected_improvement(*surrogate.predict(here, prior.scores(some, task_similarity)), best)
            return np.where(gaps > SAME / np.sqrt(len(points)), expected, -np.inf)

        return promise

    def _argmax(
        self,
        candidates: Sequence[Weights],
        promise: Callable[[Sequence[Weights]], np.ndarray],
        rng: np.random.Generator,
    ) -> Weights:
        """The candidate of greatest promise, after the leaders were moved a little, twice."""
        pool = list(candidates)
        values = promise(pool)
        for share in POLISH:
            leaders = np.argsort(-values, kind="stable")[:LEADERS]
            moved = [self.space.nearest(_moved(pool[i], share, rng)) for i in leaders for _ in range(8)]
            pool += moved
            values = np.append(values, promise(moved))
        return pool[int(values.argmax())]


def _moved(weights: Weights, share: float, rng: np.random.Generator) -> Weights:
    """A neighbour: some weight moved towards one source or taken from one altogether, and another spread."""
    values, m = weights.array, len(weights.values)
    if rng.random() < 0.5:
        values = (1 - share) * values + share * np.eye(m)[rng.integers(m)]
    elif len(weights.support) > 1:
        values[rng.choice(weights.support)] *= rng.choice([0.0, 1 - share])
    spread = np.clip(to_unit_concentration(weights.concentration) + share * rng.normal() * (rng.random() < 0.5), 0, 1)
    return Weights.of(values / values.sum(), from_unit_concentration(float(spread)), weights.pairing)
