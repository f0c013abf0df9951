"""The greedy simplex: its content is that of the Cayley-Menger determinant, and each step adds the most there is."""

from __future__ import annotations

from math import factorial, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geosearch.pseudo_labels.hypervolume import Simplex, greedy_simplex


def squared(points: np.ndarray) -> np.ndarray:
    """(n, d) -> (n, n)"""
    return ((points[:, None] - points[None]) ** 2).sum(-1)


def cayley_menger(distances: np.ndarray) -> float:
    """Content of the simplex with these squared distances (k, k): V^2 = (-1)^(n+1) / (2^n n!^2) det, n = k - 1."""
    k = len(distances)
    bordered = np.ones((k + 1, k + 1))
    bordered[0, 0] = 0
    bordered[1:, 1:] = distances
    n = k - 1
    return float(np.sqrt(max((-1) ** (n + 1) * np.linalg.det(bordered) / (2**n * factorial(n) ** 2), 0)))


def content(simplex: Simplex) -> float:
    """Hypervolume by the heights: their product over (k - 1)!."""
    return prod(simplex.heights.tolist()) / factorial(len(simplex.heights))


def test_the_oracle_knows_a_triangle_and_a_tetrahedron() -> None:
    assert cayley_menger(squared(np.array([[0.0, 0], [3, 0], [0, 4]]))) == pytest.approx(6)
    assert cayley_menger(squared(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]))) == pytest.approx(1 / 6)


@given(seed=st.integers(0, 10_000), n=st.integers(4, 14), count=st.integers(2, 6))
def test_every_beginning_has_the_content_of_the_determinant_and_no_other_point_would_add_more(
    seed: int, n: int, count: int
) -> None:
    table = squared(np.random.default_rng(seed).normal(size=(n, 6)))
    found = greedy_simplex(table, count)
    chosen = found.points
    assert len(set(chosen.tolist())) == len(chosen) == min(count, n)
    assert content(found) == pytest.approx(cayley_menger(table[np.ix_(chosen, chosen)]), rel=1e-6)
    assert table[chosen[0], chosen[1]] == table.max()
    for k in range(2, len(chosen)):
        contents = [cayley_menger(table[np.ix_(rows, rows)]) for rows in ([*chosen[:k], other] for other in range(n))]
        assert contents[chosen[k]] == pytest.approx(max(contents), rel=1e-6)
        assert greedy_simplex(table, k).points.tolist() == chosen[:k].tolist()  # nested


@given(seed=st.integers(0, 1000))
def test_contents_do_not_depend_on_the_order_of_the_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = squared(rng.normal(size=(12, 5)))
    order = rng.permutation(12)
    here, there = greedy_simplex(table, 5), greedy_simplex(table[np.ix_(order, order)], 5)
    assert content(there) == pytest.approx(content(here))
    assert set(order[there.points].tolist()) == set(here.points.tolist())


def test_it_ends_where_no_point_adds_anything() -> None:
    flat = np.random.default_rng(0).normal(size=(20, 2)) @ np.random.default_rng(1).normal(size=(2, 7))
    assert len(greedy_simplex(squared(flat), 10).points) == 3  # a plane holds triangles
    assert len(greedy_simplex(np.zeros((5, 5)), 3).points) == 1  # equal points
    assert content(greedy_simplex(np.zeros((5, 5)), 3)) == 1
