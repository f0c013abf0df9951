"""RegressionSampler: random mixtures first, then those that a regression on them predicts to be best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from geosearch.mixture.weights import Weights, to_unit_concentration
from geosearch.search.samplers.base import EvaluatedMixtures, MixtureSampler, random_weights
from geosearch.search.samplers.registry import SAMPLERS
from geosearch.search.space import Space

CANDIDATES = 1500


@SAMPLERS.register("regression", "least error by a regression on all evaluations, as RegMix")
class RegressionSampler(MixtureSampler):
    """Proposes the candidate with the least error by a quadratic ridge regression on the weights.

    Source: Liu et al. 2024 (RegMix), who regress on many small runs and then train once; here the regression is
    fitted again for every proposal. It never explores, so it needs as many random mixtures first as the budget allows.

    Args:
        space: what turns weights into parameters and back.
        seed: of the candidates; see `HullSampler`.
        startup: evaluated trials below which proposals are drawn at random.

    >>> import optuna
    >>> space = Space(3)
    >>> study = optuna.create_study(sampler=RegressionSampler(space, startup=6))
    >>> study.optimize(lambda trial: 1 - space.suggest(trial).values[0], n_trials=8)
    >>> study.best_value < 0.2
    True
    """

    def __init__(self, space: Space, *, seed: int = 0, startup: int = 12) -> None:
        super().__init__(space, seed=seed, startup=startup)

    def propose(self, done: EvaluatedMixtures, pending: Sequence[Weights], rng: np.random.Generator) -> Weights:
        model = make_pipeline(PolynomialFeatures(2), StandardScaler(), RidgeCV(np.logspace(-3, 3, 13)))
        model.fit(_rows(done.weights), done.errors)
        candidates = random_weights(self.space, CANDIDATES, rng)
        taken = {*done.weights, *pending}
        order = np.argsort(model.predict(_rows(candidates)), kind="stable")
        return next((candidates[i] for i in order if candidates[i] not in taken), candidates[0])


def _rows(weights: Sequence[Weights]) -> np.ndarray:
    """(k, m + 2): weights, unit_concentration, and whether images are paired at random."""
    return np.array(
        [[*w.values, to_unit_concentration(w.concentration), float(w.pairing == "random")] for w in weights]
    )
