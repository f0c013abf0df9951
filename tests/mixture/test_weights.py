"""Laws of the simplex maps and of weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from geosearch.errors import InvalidWeightsError
from geosearch.mixture.weights import Normalised, StickBreaking, Weights, concentration_of, spread_of

MAPS = [StickBreaking(), Normalised()]


@pytest.mark.parametrize("simplex", MAPS, ids=repr)
@given(st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_the_cube_lands_on_the_simplex(simplex, m, seed):
    cube = np.random.default_rng(seed).random((20, simplex.dimensions(m)))
    weights = simplex.to_simplex(cube)
    assert weights.shape == (20, m)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("simplex", MAPS, ids=repr)
@given(st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_from_simplex_is_a_right_inverse(simplex, m, seed):
    weights = np.random.default_rng(seed).dirichlet(np.full(m, 0.5), size=20)
    cube = simplex.from_simplex(weights)
    assert cube.min() >= 0
    assert cube.max() <= 1
    np.testing.assert_allclose(simplex.to_simplex(cube), weights, atol=1e-7)


@pytest.mark.parametrize("simplex", MAPS, ids=repr)
def test_corners_and_faces_survive_the_round_trip(simplex):
    points = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0, 0.5, 0.5], [0.25, 0, 0.75]], dtype=float)
    np.testing.assert_allclose(simplex.to_simplex(simplex.from_simplex(points)), points, atol=1e-12)


@pytest.mark.parametrize("simplex", MAPS, ids=repr)
def test_uniform_on_the_cube_is_uniform_on_the_simplex(simplex):
    """Every weight of Dirichlet(1, ..., 1) has the law Beta(1, m - 1)."""
    m = 4
    weights = simplex.to_simplex(np.random.default_rng(0).random((4000, simplex.dimensions(m))))
    for i in range(m):
        assert stats.kstest(weights[:, i], stats.beta(1, m - 1).cdf).pvalue > 1e-3


@given(st.floats(0, 1e3))
def test_spread_and_concentration_are_inverse(concentration):
    assert concentration_of(spread_of(concentration)) == pytest.approx(concentration, rel=1e-6, abs=1e-9)


def test_the_ends_of_the_spread_axis():
    assert concentration_of(0.0) == 0.0
    assert math.isinf(concentration_of(1.0))
    assert spread_of(math.inf) == 1.0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.5, 0.6], "sum to 1"),
        ([1.5, -0.5], "negative"),
        ([np.nan, 1.0], "finite"),
        ([], "finite numbers"),
    ],
)
def test_weights_off_the_simplex_are_refused(values, said):
    with pytest.raises(InvalidWeightsError, match=said):
        Weights.of(values)


def test_unknown_pairing_and_negative_concentration_are_refused():
    with pytest.raises(InvalidWeightsError, match="pairing"):
        Weights.of([1.0], pairing="sideways")
    with pytest.raises(InvalidWeightsError, match="concentration"):
        Weights.of([1.0], concentration=-1)


def test_the_pooled_union_takes_sources_in_proportion_to_their_sizes():
    assert Weights.pooled([30, 10]) == Weights.of([0.75, 0.25], concentration=0.0)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20).filter(lambda found: sum(found) > 0.01))
def test_equal_mixtures_have_one_name(values):
    once = Weights.of(np.array(values) / sum(values))
    assert Weights.of(once.values) == once
    assert sum(once.values) == pytest.approx(1, abs=1e-15 * len(values) + 1e-12)
    assert Weights.uniform(len(values)) == Weights.of([1 / len(values)] * len(values))
