"""Features as distributions, and the distances between them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from geosearch.errors import DomainMismatchError, InvalidDataError
from geosearch.pseudo_labels.divergence import feature_distributions, jensen_shannon_divergences, mean_distribution


@given(seed=st.integers(0, 1000))
def test_rows_are_distributions_that_forget_only_the_length_of_their_features(seed: int) -> None:
    features = np.random.default_rng(seed).normal(size=(7, 5))
    p = feature_distributions(features)
    assert p.min() >= 0
    assert p.sum(1) == pytest.approx(np.ones(7))
    lengths = np.abs(features).sum(1, keepdims=True)
    assert (p[:, :5] - p[:, 5:]) * lengths == pytest.approx(features)
    assert feature_distributions(3 * features) == pytest.approx(p)


def test_a_row_of_zeros_is_uniform_and_damage_is_refused() -> None:
    assert feature_distributions(np.zeros((1, 4))) == pytest.approx(np.full((1, 8), 1 / 8))
    with pytest.raises(InvalidDataError, match="NaN"):
        feature_distributions(np.array([[np.nan, 1.0]]))
    with pytest.raises(InvalidDataError, match=r"\(n, d\)"):
        feature_distributions(np.zeros(3))


@given(seed=st.integers(0, 1000))
def test_squared_distances_are_jensen_shannon_divergences_in_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(6), 4), rng.dirichlet(np.full(6, 0.3), 3)
    table = jensen_shannon_divergences(p, q)
    for i in range(4):
        for j in range(3):
            middle = (p[i] + q[j]) / 2
            wanted = (entropy(p[i], middle, base=2) + entropy(q[j], middle, base=2)) / 2
            assert table[i, j] == pytest.approx(wanted, abs=1e-12)
    assert jensen_shannon_divergences(p, p) == pytest.approx(jensen_shannon_divergences(p, p).T)
    assert np.diag(jensen_shannon_divergences(p, p)) == pytest.approx(np.zeros(4), abs=1e-12)


@pytest.mark.parametrize("gap", [1e-16, 1e-12, 1e-9])
def test_distributions_that_differ_by_rounding_alone_are_not_apart(gap: float) -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(64), 40)
    q = p * (1 + gap * rng.normal(size=p.shape))
    q /= q.sum(1, keepdims=True)
    assert np.diag(jensen_shannon_divergences(p, q)) == pytest.approx(np.zeros(40), abs=1e-12)


@given(seed=st.integers(0, 1000))
def test_their_roots_embed_in_euclidean_space(seed: int) -> None:
    """The centred Gram matrix has no negative eigenvalue, so contents are real."""
    p = np.random.default_rng(seed).dirichlet(np.full(5, 0.4), 9)
    centring = np.eye(9) - 1 / 9
    assert np.linalg.eigvalsh(-centring @ jensen_shannon_divergences(p, p) @ centring / 2).min() > -1e-10


def test_sets_that_share_no_feature_are_one_bit_apart() -> None:
    a, b = np.array([[1.0, 0, 0], [2, 0, 0]]), np.array([[0, 3.0, 0], [0, 0, -1]])
    means = np.stack([mean_distribution(a), mean_distribution(b)])
    assert jensen_shannon_divergences(means, means) == pytest.approx(1 - np.eye(2))
    assert mean_distribution(b) == pytest.approx([0, 0.5, 0, 0, 0, 0.5])
    with pytest.raises(DomainMismatchError, match="one embedding"):
        jensen_shannon_divergences(feature_distributions(a), feature_distributions(np.ones((1, 2))))
