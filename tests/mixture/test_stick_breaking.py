"""Laws of the bijection between the cube and the simplex."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from geosearch.mixture.stick_breaking import StickBreaking


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


def test_corners_and_faces_survive_the_round_trip():
    points = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0, 0.5, 0.5], [0.25, 0, 0.75]], dtype=float)
    np.testing.assert_allclose(StickBreaking().to_simplex(StickBreaking().from_simplex(points)), points, atol=1e-12)


def test_uniform_on_the_cube_is_uniform_on_the_simplex():
    """Every weight of Dirichlet(1, ..., 1) has the law Beta(1, m - 1)."""
    m = 4
    weights = StickBreaking().to_simplex(np.random.default_rng(0).random((4000, StickBreaking().dimensions(m))))
    for i in range(m):
        assert stats.kstest(weights[:, i], stats.beta(1, m - 1).cdf).pvalue > 1e-3
