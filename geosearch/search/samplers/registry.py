"""Samplers: who proposes next. Each proposal has a seed of its own, so a resumed study never repeats one."""

from __future__ import annotations

import optuna

from geosearch.search.samplers.cmaes import CmaSampler
from geosearch.search.samplers.hull_gp import HullSampler
from geosearch.search.samplers.prior import Prior
from geosearch.search.samplers.regmix import RegressionSampler

SAMPLERS = ("hull", "gp", "tpe", "random", "cmaes", "regression")


def sampler_for(name: str, seed: int, prior: Prior) -> optuna.samplers.BaseSampler:
    """A fresh sampler for one proposal.

    Optuna stores trials but not the state of its samplers: a sampler that is seeded once proposes the same
    points again after a resume. Here the seed depends on the place of the proposal in the study instead, and
    the sampler learns everything else from the stored trials.
    """
    if name == "hull":
        return HullSampler(prior, seed=seed)
    if name == "cmaes":
        return CmaSampler(prior.space, seed=seed)
    if name == "regression":
        return RegressionSampler(prior.space, seed=seed)
    seed %= 2**32
    if name == "gp":
        return optuna.samplers.GPSampler(seed=seed, n_startup_trials=6)
    if name == "tpe":
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=6, multivariate=True)
    return optuna.samplers.RandomSampler(seed=seed)
