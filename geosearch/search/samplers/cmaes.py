"""CmaSampler: evolution of a Gaussian on the search coordinates, by the cmaes library."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from cmaes import CMA

from geosearch.mixture.weights import Weights, from_unit_concentration, to_unit_concentration
from geosearch.search.samplers.base import EvaluatedMixtures, MixtureSampler
from geosearch.search.samplers.registry import SAMPLERS
from geosearch.search.space import Space

SIGMA = 0.3  # initial standard deviation, of coordinates in [0, 1]


@SAMPLERS.register("cmaes", "CMA-ES, by the package cmaes")
class CmaSampler(MixtureSampler):
    """CMA-ES that replays the history of the study for every proposal, so that it has no state to lose.

    All evaluations are used, baselines included, in generations of the library's own size; images are always
    paired by transport. Source: Hansen & Ostermeier 2001, by the cmaes package.

    Args:
        space: what turns weights into parameters and back.
        seed: of the proposals; see `HullSampler`.
        startup: evaluated trials below which proposals are drawn at random.

    >>> import optuna
    >>> space = Space(3)
    >>> study = optuna.create_study(sampler=CmaSampler(space, startup=2))
    >>> study.optimize(lambda trial: 1 - space.suggest(trial).values[0], n_trials=4)
    >>> len(study.trials)
    4
    """

    def __init__(self, space: Space, *, seed: int = 0, startup: int = 6) -> None:
        super().__init__(space, seed=seed, startup=startup)

    def propose(self, done: EvaluatedMixtures, pending: Sequence[Weights], rng: np.random.Generator) -> Weights:
        rows = np.array([self._row(one) for one in done.weights])  # (n, d)
        dimensions = rows.shape[1]
        bounds = np.tile([0.0, 1.0], (dimensions, 1))
        number = int(rng.integers(2**31))
        search = CMA(mean=rows[done.errors.argmin()], sigma=SIGMA, bounds=bounds, seed=number)
        size = search.population_size
        for start in range(0, len(rows) - size + 1, size):
            generation = slice(start, start + size)
            search.tell(list(zip(rows[generation], done.errors[generation].tolist(), strict=True)))
        found = search.ask()
        values = self.space.allowed(self.space.simplex.to_simplex(np.clip(found[:-1], 0, 1)))
        return Weights.of(values, from_unit_concentration(float(np.clip(found[-1], 0, 1))))

    def _row(self, weights: Weights) -> np.ndarray:
        """(d,): the coordinates of the simplex, then the unit_concentration."""
        return np.append(self.space.simplex.from_simplex(weights.array), to_unit_concentration(weights.concentration))
