"""MixtureSampler: base of the samplers that work on mixtures instead of parameters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.search_space import intersection_search_space
from optuna.trial import FrozenTrial, TrialState

from geosearch import seeds
from geosearch.mixture.weights import PAIRINGS, Weights, from_unit_concentration, to_unit_concentration
from geosearch.search.pareto import scalarize
from geosearch.search.space import Space


@dataclass(frozen=True, eq=False)
class EvaluatedMixtures:
    """Mixtures that were evaluated, and their errors (n,); smaller is better, whatever the direction of the study.

    Where sources have prices, an error combines error and price, with new random weights for every proposal.
    """

    weights: Sequence[Weights]
    errors: np.ndarray


class MixtureSampler(optuna.samplers.BaseSampler):
    """An Optuna sampler that proposes a mixture from the mixtures that were evaluated.

    Parameters of a trial that do not belong to the space are drawn at random.
    """

    def __init__(self, space: Space, *, seed: int, startup: int) -> None:
        self.space, self.seed, self.startup = space, seed, startup

    @abstractmethod
    def propose(self, done: EvaluatedMixtures, pending: Sequence[Weights], rng: np.random.Generator) -> Weights:
        """The next mixture, once there are `startup` evaluated ones; `pending` are being evaluated elsewhere."""

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        known = intersection_search_space(study.get_trials(deepcopy=False))
        own = {name: known[name] for name in self._distributions() if name in known}
        return own if len(own) == len(self._distributions()) else self._distributions()

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        trials = [old for old in study.get_trials(deepcopy=False) if old.number != trial.number and self._counts(old)]
        rng = seeds.stream(self.seed, type(self).__name__, len(trials))
        done = [old for old in trials if old.state == TrialState.COMPLETE]
        sign = 1.0 if study.direction == optuna.study.StudyDirection.MINIMIZE else -1.0
        # the same mixture with the same error is a copy, as the cache makes them, not a second evaluation
        found = dict.fromkeys((self.space.weights_of(old.params), sign * float(old.value)) for old in done)  # type: ignore[arg-type]
        if len(found) < self.startup:
            return self.space.params_of(random_weights(self.space, 1, rng)[0])
        mixtures, errors = [mixture for mixture, _ in found], np.array([error for _, error in found])
        if mixtures and self.space.prices is not None:
            errors = scalarize(errors, np.array([self.space.price(one) for one in mixtures]), rng)
        pending = [self.space.weights_of(old.params) for old in trials if old.state == TrialState.RUNNING]
        return self.space.params_of(self.propose(EvaluatedMixtures(mixtures, errors), pending, rng))

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        magnitudes = self.space.magnitudes
        if magnitudes and param_name in magnitudes.highest:  # mixtures say nothing of it
            seed = seeds.integer(self.seed, "independent", param_name) % 2**32
            sampler = optuna.samplers.TPESampler(seed=seed)
            return sampler.sample_independent(study, trial, param_name, param_distribution)
        number = seeds.integer(self.seed, "independent", trial.number, param_name) % 2**32
        return optuna.samplers.RandomSampler(seed=number).sample_independent(
            study, trial, param_name, param_distribution
        )

    def _counts(self, trial: FrozenTrial) -> bool:
        known = set(self._distributions()) <= set(trial.params)
        return known and trial.state in (TrialState.COMPLETE, TrialState.RUNNING)

    def _distributions(self) -> dict[str, BaseDistribution]:
        axes: dict[str, BaseDistribution] = {name: FloatDistribution(0, 1) for name in self.space.coordinates}
        return {**axes, "unit_concentration": FloatDistribution(0, 1), "pairing": CategoricalDistribution(PAIRINGS)}


def random_weights(space: Space, count: int, rng: np.random.Generator) -> list[Weights]:
    """Points of the whole search space: inside the simplex, on its faces of every dimension, and its corners."""
    values = np.zeros((count, space.m))
    for number, row in enumerate(values):
        members = int(rng.integers(1, space.m + 1)) if number % 2 else space.m
        row[rng.choice(space.m, size=members, replace=False)] = rng.dirichlet(np.ones(members))
    units = rng.choice([0.0, 1.0, np.nan], size=count)
    units = np.where(np.isnan(units), rng.random(count), units)
    pairings = np.array(PAIRINGS)[(rng.random(count) < 0.2).astype(int)]
    concentrations = [from_unit_concentration(unit) for unit in units.tolist()]
    return Weights.of_rows(space.allowed(values), concentrations, pairings.tolist())


def random_neighbor(point: Weights, rng: np.random.Generator) -> Weights:
    """A random mixture near another one, with a random concentration."""
    share = rng.uniform(0.1, 0.4)
    values = (1 - share) * point.array + share * rng.dirichlet(np.ones(len(point.values)))
    return Weights.of(values, from_unit_concentration(rng.uniform()), point.pairing)


def alike(a: Weights, b: Weights, tolerance: float = 1e-3) -> bool:
    """Whether two mixtures are equal up to a tolerance that no training could resolve."""
    near = np.abs(a.array - b.array).max() < tolerance
    unit_concentration = (
        abs(to_unit_concentration(a.concentration) - to_unit_concentration(b.concentration)) < tolerance
    )
    return bool(near and unit_concentration and a.pairing == b.pairing)
