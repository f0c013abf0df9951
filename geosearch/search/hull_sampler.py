"""HullSampler: an Optuna sampler that knows the hull it samples from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from geosearch.geodesic.hull import Hull
from geosearch.geodesic.simplex import Weights, concentration_of, spread_of
from geosearch.search.earlier import Experience
from geosearch.search.mixture_sampler import Evaluated, MixtureSampler, random_weights
from geosearch.search.space import Space
from geosearch.search.surrogate import Surrogate, expected_improvement

CANDIDATES = 1500  # drawn anew for every proposal
POLISH = (0.2, 0.05)  # shares by which the best candidates are moved, round after round
SAME = 1e-3  # mixtures nearer to each other than this share of the spread of all are one
LEADERS = 20  # candidates that are moved


class HullSampler(MixtureSampler):
    """Expected improvement of a Gaussian process on the geometry of the mixtures themselves.

    Two parameter vectors that synthesize the same data set are the same point (`Hull.coordinates`), the kernel's
    distance is the distance between mixtures, and the closed-form distance to the target is prior knowledge whose
    weight the evaluations decide. Candidates lie on the whole simplex with its faces and corners, exact zeros
    included. Trials that are still running are taken to end as the process expects, so several workers can ask.

    Use it with any study whose objective calls `space.suggest(trial)`:

    >>> study = optuna.create_study(sampler=HullSampler(space, hull, seed=0))   # doctest: +SKIP
    >>> study.optimize(lambda trial: error(space.suggest(trial)), n_trials=30)  # doctest: +SKIP

    Args:
        space: what turns weights into parameters and back.
        hull: the Gram matrix of the sources' maps.
        seed: of the candidates. They depend on it and on how many trials ended or are running, so a resumed study
            goes on instead of repeating itself.
        startup: evaluated trials below which proposals are drawn at random.
        experience: what earlier studies over the same sources found, if any: one more cheap score.
    """

    def __init__(
        self, space: Space, hull: Hull, *, seed: int = 0, startup: int = 6, experience: Experience | None = None
    ) -> None:
        super().__init__(space, seed=seed, startup=startup)
        self._hull = hull
        self._experience = experience

    def propose(self, done: Evaluated, pending: Sequence[Weights], rng: np.random.Generator) -> Weights:
        features = self._features(done)
        points, cheap = features(done.weights)
        surrogate = Surrogate.fit(points, cheap, done.errors)
        best = float(surrogate.predict(points, cheap)[0].min())
        if pending:
            more, more_cheap = features(pending)
            expected = surrogate.predict(more, more_cheap)[0]
            points, cheap = np.vstack([points, more]), np.vstack([cheap, more_cheap])
            surrogate = Surrogate.fit(points, cheap, np.concatenate([done.errors, expected]))

        def promise(some: Sequence[Weights]) -> np.ndarray:
            """Expected improvement (k,); what was evaluated, or is being evaluated, promises nothing."""
            here, scores = features(some)
            gaps = np.sqrt(((here[:, None] - points[None]) ** 2).sum(2)).min(1)  # (k,)
            expected = expected_improvement(*surrogate.predict(here, scores), best)
            return np.where(gaps > SAME * surrogate.unit, expected, -np.inf)

        return self._argmax(random_weights(self.space, CANDIDATES, rng), promise, rng)

    def _features(self, done: Evaluated) -> Callable[[Sequence[Weights]], tuple[np.ndarray, np.ndarray]]:
        """Mixtures -> their coordinates (k, m + 2) and cheap scores (k, c)."""
        if self._experience is None:
            return self._hull.features
        experience = self._experience
        likeness = experience.likeness(done.weights, done.errors)

        def features(some: Sequence[Weights]) -> tuple[np.ndarray, np.ndarray]:
            points, cheap = self._hull.features(some)
            return points, np.column_stack([cheap, experience.expect(some, likeness)])

        return features

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
    spread = np.clip(spread_of(weights.concentration) + share * rng.normal() * (rng.random() < 0.5), 0, 1)
    return Weights.of(values / values.sum(), concentration_of(float(spread)), weights.pairing)
