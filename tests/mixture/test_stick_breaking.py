"""Laws of the bijection between the cube and the simplex."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from geosearch.mixture.stick_breaking import StickBreaking
from geosearch.mixture.weights import Weights


@given(st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_the_cube_lands_on_the_simplex(m, seed):
    cube = np.random.default_rng(seed).random((20, StickBreaking().dimensions(m)))
    weights = StickBreaking().to_simplex(cube)
    assert weights.shape == (20, m)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)


@given(st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_from_simplex_is_a_right_inverse(m, seed):
    weights = np.random.default_rng(seed).dirichlet(np.full(m, 0.5), size=20)
    cube = StickBreaking().from_simplex(weights)
    assert cube.min() >= 0
    assert cube.max() <= 1
    np.testing.assert_allclose(StickBreaking().to_simplex(cube), weights, atol=1e-7)


@pytest.mark.parametrize("m", [2, 10, 100, 400, 1000])
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.002, 0.05, 1.0, 20.0]), st.floats(0, 0.99))
def test_no_weight_is_lost_among_many_sources(m, seed, alpha, zeros):
    """Sparse and even weights, with exact zeros among them, which stay exact."""
    rng = np.random.default_rng(seed)
    weights = rng.gamma(alpha, size=(5, m)) * (rng.random((5, m)) >= zeros) + 1e-9 * (rng.random((5, m)) < 0.1)
    weights[np.arange(5), rng.integers(m, size=5)] += 1.0
    weights /= weights.sum(1, keepdims=True)
    cube = StickBreaking().from_simplex(weights)
    again = StickBreaking().to_simplex(cube)
    assert np.isfinite(cube).all()
    assert cube.min() >= 0
    assert cube.max() <= 1
    np.testing.assert_allclose(again, weights, atol=1e-12)
    assert (again[weights == 0] == 0).all()


@pytest.mark.parametrize("m", [100, 400, 1000])
def test_one_heavy_source_of_many_comes_back(m):
    """0.1^(m - 1) underflows from 309 sources on."""
    weights = np.full(m, 0.1 / (m - 1))
    weights[0] = 0.9
    np.testing.assert_allclose(StickBreaking().to_simplex(StickBreaking().from_simplex(weights)), weights, atol=1e-14)


@pytest.mark.parametrize("m", [2, 10, 100, 400, 1000])
def test_mixtures_come_back_exactly(m):
    """To the last of their units of 1e-9: `Space.params_of` and `Space.weights_of` invert one another."""
    rng = np.random.default_rng(m)
    for alpha in (0.01, 0.1, 1.0):
        point = Weights.of(rng.dirichlet(np.full(m, alpha)))
        assert Weights.of(StickBreaking().to_simplex(StickBreaking().from_simplex(point.array))) == point
    alone = Weights.single(m // 2, m)
    assert Weights.of(StickBreaking().to_simplex(StickBreaking().from_simplex(alone.array))) == alone


def test_logarithmic_coordinates_join_the_others_smoothly():
    below, above = 1e-250 * (1 - 1e-6), 1e-250 * (1 + 1e-6)
    left = [1 - StickBreaking().to_simplex(np.array([u, *[0.5] * 299]))[0] for u in (below, 1e-250, above)]
    assert left[0] < left[1] < left[2]
    assert left[2] - left[1] == pytest.approx(left[1] - left[0], rel=1e-4)


def test_corners_and_faces_survive_the_round_trip():
    points = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0, 0.5, 0.5], [0.25, 0, 0.75]], dtype=float)
    np.testing.assert_allclose(StickBreaking().to_simplex(StickBreaking().from_simplex(points)), points, atol=1e-12)


def test_uniform_on_the_cube_is_uniform_on_the_simplex():
    """Every weight of Dirichlet(1, ..., 1) has the law Beta(1, m - 1)."""
    m = 4
    weights = StickBreaking().to_simplex(np.random.default_rng(0).random((4000, StickBreaking().dimensions(m))))
    for i in range(m):
        assert stats.kstest(weights[:, i], stats.beta(1, m - 1).cdf).pvalue > 1e-3
