"""A pool is the dataset derivative with the core's weights held at one."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.adaptation.ridge import ridge_fit
from geosearch.curation.influence import dataset_derivative


def test_without_a_core_the_error_is_that_of_the_samples(made):
    pool = made.pool(ridge=3.0)
    found = pool.derivative(np.ones(240))
    np.testing.assert_allclose(found.gradient, dataset_derivative(made.x, made.y, ridge=3.0).gradient)


def test_with_a_core_the_error_is_the_cores_alone(made):
    pool = made.pool(core=30, ridge=3.0)
    weights = np.random.default_rng(0).uniform(0.5, 1, 240)
    found, step = pool.derivative(weights), 1e-4
    row = np.eye(240)[7] * step
    slope = (pool.derivative(weights + row).loss - pool.derivative(weights - row).loss) / (2 * step)
    assert found.gradient.shape == (240,)
    assert found.gradient[7] == pytest.approx(slope, abs=1e-8)
    alone = dataset_derivative(pool.core_features, pool.core_targets, ridge=3.0)
    assert pool.derivative(np.zeros(240)).loss == pytest.approx(alone.loss)


def test_the_penalty_is_at_least_the_one_of_the_least_error(made):
    assert made.pool().tune(np.ones(240)).ridge >= dataset_derivative(made.x, made.y).ridge


@pytest.mark.parametrize("core", [0, 30])
@pytest.mark.parametrize("minimum", [False, True])
def test_the_penalty_is_tuned_at_the_weights_that_are_used(made, core, minimum):
    """A sample of weight k is k samples: the error of a pool in which each stands k times is that of weight k."""
    pool, weights = made.pool(core=core), np.full(240, 1 / 16)
    tuned = pool.tune(weights, minimum=minimum)
    curve = {r: made.pool(core=core, ridge=r).derivative(weights).loss for r in tuned.ridge * np.logspace(-2, 2, 41)}
    found = tuned.derivative(weights)
    assert found.ridge == tuned.ridge
    if minimum:
        assert found.loss <= min(curve.values()) + 1e-9
    else:
        assert found.loss <= 1.2 * min(curve.values())
    assert pool.derivative(weights).ridge == pool.tune(weights).ridge


def test_a_given_penalty_stays(made):
    pool = made.pool(ridge=2.0)
    assert pool.tune(np.ones(240)) is pool


def test_the_head_is_fitted_to_weighted_samples_and_core(made):
    pool, kept = made.pool(core=60, ridge=2.0), ~made.wrong
    x, y = np.concatenate([made.x[kept], pool.core_features]), np.concatenate([made.y[kept], pool.core_targets])
    expected = ridge_fit(x, y, 2.0).predict(made.clean)
    np.testing.assert_allclose(pool.fit_head(kept.astype(float)).predict(made.clean), expected, atol=1e-9)
