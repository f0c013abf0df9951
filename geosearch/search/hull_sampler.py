"""HullSampler: an Optuna sampler that knows the hull it samples from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.search_space import intersection_search_space
from optuna.trial import FrozenTrial, TrialState

from geosearch import seeds
from geosearch.geodesic.hull import Hull
from geosearch.geodesic.simplex import PAIRINGS, Weights, concentration_of, spread_of
from geosearch.search.space import Space
from geosearch.search.surrogate import Surrogate, expected_improvement

CANDIDATES = 1500  # drawn anew for every proposal
POLISH = (0.2, 0.05)  # shares by which the best candidates are moved, round after round
SAME = 1e-3  # mixtures nearer to each other than this share of the spread of all are one
LEADERS = 20  # candidates that are moved


class HullSampler(optuna.samplers.BaseSampler):
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
    """

    def __init__(self, space: Space, hull: Hull, *, seed: int = 0, startup: int = 6) -> None:
        self._space, self._hull, self._seed, self._startup = space, hull, seed, startup

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        known = intersection_search_space(study.get_trials(deepcopy=False))
        return known if len(known) == len(self._space.coordinates) + 2 else self._distributions()

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        trials = [old for old in study.get_trials(deepcopy=False) if old.number != trial.number and self._counts(old)]
        rng = seeds.stream(self._seed, "hull sampler", len(trials))
        done = [old for old in trials if old.state == TrialState.COMPLETE]
        candidates = random_weights(self._space.m, CANDIDATES, rng)
        if len(done) < self._startup:
            return self._space.params_of(candidates[0])
        sign = 1.0 if study.direction == optuna.study.StudyDirection.MINIMIZE else -1.0
        errors = np.array([sign * float(old.value) for old in done])  # type: ignore[arg-type]
        points, cheap = self._features([self._space.weights_of(old.params) for old in done])
        surrogate = Surrogate.fit(points, cheap, errors)
        best = float(surrogate.predict(points, cheap)[0].min())
        pending = [self._space.weights_of(old.params) for old in trials if old.state == TrialState.RUNNING]
        seen = points
        if pending:
            more, more_cheap = self._features(pending)
            expected = surrogate.predict(more, more_cheap)[0]
            points, cheap = np.vstack([points, more]), np.vstack([cheap, more_cheap])
            surrogate, seen = Surrogate.fit(points, cheap, np.concatenate([errors, expected])), points
        return self._space.params_of(self._argmax(candidates, surrogate, best, seen, rng))

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """For parameters that are none of the space's."""
        number = seeds.integer(self._seed, "independent", trial.number, param_name) % 2**32
        return optuna.samplers.RandomSampler(seed=number).sample_independent(
            study, trial, param_name, param_distribution
        )

    def _counts(self, trial: FrozenTrial) -> bool:
        known = set(self._space.coordinates) <= set(trial.params)
        return known and trial.state in (TrialState.COMPLETE, TrialState.RUNNING)

    def _distributions(self) -> dict[str, BaseDistribution]:
        axes: dict[str, BaseDistribution] = {name: FloatDistribution(0, 1) for name in self._space.coordinates}
        return {**axes, "spread": FloatDistribution(0, 1), "pairing": CategoricalDistribution(PAIRINGS)}

    def _features(self, weights: Sequence[Weights]) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates (k, m + 2) and cheap scores (k, 1) of mixtures."""
        cheap = np.array([[self._hull.distance(one)] for one in weights])
        return self._hull.coordinates(weights), cheap

    def _argmax(
        self,
        candidates: Sequence[Weights],
        surrogate: Surrogate,
        best: float,
        seen: np.ndarray,
        rng: np.random.Generator,
    ) -> Weights:
        """The candidate of greatest expected improvement, after the leaders were moved a little, twice.

        Mixtures that were evaluated, or are being evaluated, promise nothing: their rows are `seen`, (k, m + 2).
        """

        def promise(some: Sequence[Weights]) -> np.ndarray:
            points, cheap = self._features(some)
            gaps = np.sqrt(((points[:, None] - seen[None]) ** 2).sum(2)).min(1)  # (len(some),)
            expected = expected_improvement(*surrogate.predict(points, cheap), best)
            return np.where(gaps > SAME * surrogate.unit, expected, -np.inf)

        pool = list(candidates)
        values = promise(pool)
        for share in POLISH:
            leaders = np.argsort(-values, kind="stable")[:LEADERS]
            moved = [_moved(pool[i], share, rng) for i in leaders for _ in range(8)]
            pool += moved
            values = np.append(values, promise(moved))
        return pool[int(values.argmax())]


def random_weights(m: int, count: int, rng: np.random.Generator) -> list[Weights]:
    """Points of the whole search space: inside the simplex, on its faces of every dimension, and its corners."""
    found = []
    for number in range(count):
        members = int(rng.integers(1, m + 1)) if number % 2 else m
        values = np.zeros(m)
        values[rng.choice(m, size=members, replace=False)] = rng.dirichlet(np.ones(members))
        spread = float(rng.choice([0.0, 1.0, rng.uniform()]))
        found.append(Weights.of(values, concentration_of(spread), PAIRINGS[int(rng.random() < 0.2)]))
    return found


def _moved(weights: Weights, share: float, rng: np.random.Generator) -> Weights:
    """A neighbour: some weight moved towards one source or taken from one altogether, and another spread."""
    values, m = weights.array, len(weights.values)
    if rng.random() < 0.5:
        values = (1 - share) * values + share * np.eye(m)[rng.integers(m)]
    elif len(weights.support) > 1:
        values[rng.choice(weights.support)] *= rng.choice([0.0, 1 - share])
    spread = np.clip(spread_of(weights.concentration) + share * rng.normal() * (rng.random() < 0.5), 0, 1)
    return Weights.of(values / values.sum(), concentration_of(float(spread)), weights.pairing)
