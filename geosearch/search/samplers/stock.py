"""Optuna's own samplers, on the coordinates of the space of mixtures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from warnings import catch_warnings, simplefilter

import optuna
from optuna.exceptions import ExperimentalWarning

from geosearch.search.samplers.registry import SAMPLERS

STARTUP = 6  # trials drawn at random first
SEEDS = 2**32  # Optuna hands seeds to NumPy's older generators


@SAMPLERS.register("gp", "Optuna's Gaussian process")
class GaussianProcess:
    """optuna.samplers.GPSampler"""

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], *, seed: int, **_: object) -> optuna.samplers.BaseSampler:
        return optuna.samplers.GPSampler(seed=seed % SEEDS, n_startup_trials=STARTUP)


@SAMPLERS.register("tpe", "Optuna's tree-structured Parzen estimator")
class ParzenEstimator:
    """optuna.samplers.TPESampler, multivariate"""

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], *, seed: int, **_: object) -> optuna.samplers.BaseSampler:
        return optuna.samplers.TPESampler(seed=seed % SEEDS, n_startup_trials=STARTUP, multivariate=True)


@SAMPLERS.register("random", "uniformly at random")
class Random:
    """optuna.samplers.RandomSampler"""

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], *, seed: int, **_: object) -> optuna.samplers.BaseSampler:
        return optuna.samplers.RandomSampler(seed=seed % SEEDS)


def fixed_sampler(params: Mapping[str, Any], seed: int) -> optuna.samplers.BaseSampler:
    """A sampler that proposes the given parameters, and random numbers for others.

    `Study.enqueue_trial` would not do: if the process were killed before `ask`, another trial would get them.
    """
    with catch_warnings():
        simplefilter("ignore", ExperimentalWarning)
        return optuna.samplers.PartialFixedSampler(dict(params), optuna.samplers.RandomSampler(seed=seed % SEEDS))
