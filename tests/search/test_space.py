"""Parameters and points of the hull correspond."""

from __future__ import annotations

import math

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geosearch.mixture.constraints import Limits
from geosearch.mixture.weights import Weights
from geosearch.search.space import Space

POINTS = [
    Weights.single(0, 4),
    Weights.single(3, 4),
    Weights.uniform(4),
    Weights.of([0.1, 0.0, 0.9, 0.0], 0.0),
    Weights.of([0.1, 0.2, 0.3, 0.4], 2.0, "random"),
]


@pytest.mark.parametrize("point", POINTS)
def test_params_of_is_a_right_inverse(point):
    space = Space(4)
    back = space.weights_of(space.params_of(point))
    assert back.values == pytest.approx(point.values, abs=1e-8)
    assert back.concentration == pytest.approx(point.concentration)
    assert back.pairing == point.pairing


@given(st.integers(2, 40), st.integers(1, 5), st.integers(0, 10_000))
def test_a_few_among_many_sources_are_told_apart_to_the_last_digit(m, few, seed):
    rng, values = np.random.default_rng(seed), np.zeros(m)
    members = rng.choice(m, min(few, m), replace=False)
    values[members] = rng.dirichlet(np.ones(len(members)))
    point, space = Weights.of(values, 2.0, "random"), Space(m)
    assert space.weights_of(space.params_of(point)) == point


def test_an_allowed_mixture_stays_as_it_is():
    rng, limits = np.random.default_rng(0), Limits((0.0,) * 8, (1.0,) * 8, (((0, 1), 0.4),))
    space = Space(8, limits=limits)
    for values in rng.dirichlet(np.ones(8), size=100):
        point = space.nearest(Weights.of(values, 2.0))
        assert space.weights_of(space.params_of(point)) == point


@given(st.integers(0, 10_000))
def test_every_suggestion_is_a_point_of_the_hull(seed):
    space = Space(5)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trial = study.ask()
    point = space.suggest(trial)
    assert sum(point.values) == pytest.approx(1)
    assert point.concentration >= 0
    assert not math.isnan(point.concentration)
    assert space.weights_of(trial.params) == point
