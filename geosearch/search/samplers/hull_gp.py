"""HullSampler: an Optuna sampler for mixtures, by a Gaussian process on the geometry of the hull."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from geosearch.mixture.weights import Weights, from_unit_concentration, to_unit_concentration
from geosearch.search.samplers.base import EvaluatedMixtures, MixtureSampler, random_weights
from geosearch.search.samplers.prior import CORRELATION, Prior
from geosearch.search.samplers.registry import SAMPLERS
from geosearch.search.samplers.surrogate import expected_improvement

CANDIDATES = 1500  # random mixtures for every proposal
POLISH = (0.2, 0.05)  # step sizes of the rounds of local search around the best candidates
SAME = 0.3  # mixtures nearer than this, over the square root of the number of evaluated ones, are not proposed
LEADERS = 20  # candidates around which is searched


@SAMPLERS.register("hull", "a Gaussian process on the geometry of the mixtures")
class HullSampler(MixtureSampler):
    """Expected improvement of a Gaussian process on the geometry of the mixtures.

    Two parameter vectors that synthesize the same data set are the same point (`Hull.coordinates`), the kernel's
    distance is the distance between mixtures, and cheap scores enter the prior mean with a weight that is learned.
    The first proposals use the scores only: mixtures that are close to the target and unlike each other. Candidates lie
    on the whole simplex with its faces and corners, exact zeros included. Running trials are assumed to end with their
    posterior means, so that several workers can ask at the same time.

    Use it with any study whose objective calls `space.suggest(trial)`:

    >>> import optuna
    >>> from geosearch.mixture.hull import Hull
    >>> from geosearch.search.space import Space
    >>> space, hull = Space(3), Hull(np.diag([1.0, 2.0, 3.0]) + 1.0, np.eye(3))
    >>> goal = np.array([0.6, 0.3, 0.1])
    >>> study = optuna.create_study(sampler=HullSampler(Prior(space, hull), seed=0))
    >>> study.optimize(lambda trial: float(np.square(space.suggest(trial).array - goal).sum()), n_trials=6)
    >>> study.best_value < 0.1
    True

    Args:
        prior: the space, its geometry, and the cheap scores.
        seed: of the candidates. They depend on it and on the number of trials that ended or are running, so a
            resumed study does not repeat its proposals.
        startup: number of evaluated trials from which errors are used; at least 4.
    """

    def __init__(self, prior: Prior, *, seed: int = 0, startup: int = 4) -> None:
        super().__init__(prior.space, seed=seed, startup=0)
        self._prior = prior
        self._first = max(startup, 4)

    def propose(self, done: EvaluatedMixtures, pending: Sequence[Weights], rng: np.random.Generator) -> Weights:
        acquisition = (
            self._acquisition(done, pending)
            if len(done.weights) >= self._first
            else self._lower_confidence_bound(done, pending)
        )
        return self._argmax(random_weights(self.space, CANDIDATES, rng), acquisition, rng)

    def _lower_confidence_bound(
        self, done: EvaluatedMixtures, pending: Sequence[Weights]
    ) -> Callable[[Sequence[Weights]], np.ndarray]:
        """Negative lower confidence bounds (k,) while there are too few errors to learn from.

        The mean is that of the cheap scores, the deviation that of a process of unit length scale.
        """
        tried = self._prior.points([*done.weights, *pending])
        kernel = ConstantKernel(1 - CORRELATION**2, "fixed") * Matern(1.0, "fixed", nu=2.5)
        process = GaussianProcessRegressor(kernel, alpha=0.05, optimizer=None)
        if len(tried):
            process.fit(tried, np.zeros(len(tried)))

        def negative_bound(some: Sequence[Weights]) -> np.ndarray:
            deviation = process.predict(self._prior.points(some), return_std=True)[1]
            return deviation - self._prior.scores(some) @ self._prior.slopes

        return negative_bound

    def _acquisition(
        self, done: EvaluatedMixtures, pending: Sequence[Weights]
    ) -> Callable[[Sequence[Weights]], np.ndarray]:
        """Expected improvement (k,); -inf next to a mixture that was evaluated or is pending."""
        prior = self._prior
        surrogate = prior.fit_surrogate(done.weights, done.errors)
        points, cheap = prior.points(done.weights), prior.scores(done.weights)
        best = float(surrogate.predict(points, cheap)[0].min())
        if pending:
            more, more_cheap = prior.points(pending), prior.scores(pending)
            expected = surrogate.predict(more, more_cheap)[0]
            points, cheap = np.vstack([points, more]), np.vstack([cheap, more_cheap])
            surrogate = surrogate.condition(points, cheap, np.concatenate([done.errors, expected]))

        def acquisition(some: Sequence[Weights]) -> np.ndarray:
            here = prior.points(some)
            gaps = np.sqrt(((here[:, None] - points[None]) ** 2).sum(2)).min(1)  # (k,)
            expected = expected_improvement(*surrogate.predict(here, prior.scores(some)), best)
            return np.where(gaps > SAME / np.sqrt(len(points)), expected, -np.inf)

        return acquisition

    def _argmax(
        self,
        candidates: Sequence[Weights],
        acquisition: Callable[[Sequence[Weights]], np.ndarray],
        rng: np.random.Generator,
    ) -> Weights:
        """The candidate with the highest acquisition, after two rounds of local search around the leaders."""
        pool = list(candidates)
        values = acquisition(pool)
        for share in POLISH:
            leaders = np.argsort(-values, kind="stable")[:LEADERS]
            perturbed = [_perturb(pool[i], share, rng) for i in leaders for _ in range(8)]
            rows, concentrations, pairings = zip(*perturbed, strict=True)
            moved = [self.space.nearest(one) for one in Weights.of_rows(np.array(rows), concentrations, pairings)]
            pool += moved
            values = np.append(values, acquisition(moved))
        return pool[int(values.argmax())]


def _perturb(weights: Weights, share: float, rng: np.random.Generator) -> tuple[np.ndarray, float, str]:
    """A neighbor, as weights (m,), concentration and pairing.

    Weight is moved towards one source or taken from one; the concentration is another one in half of all cases.
    """
    values, m = weights.array, len(weights.values)
    if rng.random() < 0.5:
        values = (1 - share) * values + share * np.eye(m)[rng.integers(m)]
    elif len(weights.support) > 1:
        values[rng.choice(weights.support)] *= rng.choice([0.0, 1 - share])
    unit_concentration = np.clip(
        to_unit_concentration(weights.concentration) + share * rng.normal() * (rng.random() < 0.5), 0, 1
    )
    return values / values.sum(), from_unit_concentration(float(unit_concentration)), weights.pairing
