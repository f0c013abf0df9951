"""Parameters and points of the hull correspond."""

from __future__ import annotations

import math

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geosearch.geodesic.simplex import Weights
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
