"""The closed form against brute force, and the projection against many points."""

from __future__ import annotations

import math

import numpy as np
import pytest

from geosearch.mixture.hull import Hull
from geosearch.mixture.mixture import draw_weights
from geosearch.mixture.weights import Weights


@pytest.fixture
def hull(anchors):
    return Hull.of(anchors)


def test_the_closed_form_is_the_mean_cost_along_the_maps(hull, anchors):
    """a'Ga against the definition E|z - sum_i a_i T_i z|^2, for a source with one map each."""
    a = np.array([0.6, 0.0, 0.4])
    z, n = anchors.z.astype(float), len(anchors.reference)
    mixed = sum(w * s.z[:n].astype(float) for w, s in zip(a, anchors.sources, strict=True))
    # squared norm of the mean gap; single-map sources have no spread of their own off the diagonal
    assert hull.distance(Weights.of(a)) == pytest.approx(np.square(z - mixed).sum(axis=1).mean(), rel=1e-5)


def test_at_a_corner_it_is_the_cost_of_that_source(hull, anchors):
    for i, source in enumerate(anchors.sources):
        z = source.z.astype(float).reshape(-1, *anchors.z.shape)
        expected = np.square(z - anchors.z).sum(axis=2).mean()
        assert hull.distance(Weights.single(i, 3)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("pairing", ["transport", "random"])
@pytest.mark.parametrize("concentration", [0.0, 0.7, 5.0])
def test_the_closed_form_of_a_cloud_matches_a_simulation(hull, anchors, concentration, pairing):
    weights = Weights.of([0.5, 0.2, 0.3], concentration, pairing)
    rng = np.random.default_rng(0)
    size, n = 60_000, len(anchors.reference)
    rows = rng.integers(n, size=size)
    shares = draw_weights(weights, size, rng)
    mixed = np.zeros((size, anchors.z.shape[1]))
    for share, source in zip(shares.T, anchors.sources, strict=True):
        replica = n * rng.integers(len(source.z) // n, size=size)
        pick = rows + replica if weights.pairing == "transport" else rng.integers(len(source.z), size=size)
        mixed += share[:, None] * source.z[pick]
    simulated = np.square(anchors.z[rows] - mixed).sum(axis=1).mean()
    # w_i^2 weighs a source's own spread over its maps, w_i w_j does not: exact for one map each, close for two
    assert hull.distance(weights) == pytest.approx(simulated, rel=0.03)


def test_mixtures_of_any_kind_are_measured_at_once(hull):
    kinds = [(0.5, math.inf, "transport"), (0.5, math.inf, "random"), (0.2, 0.0, "transport"), (0.3, 2.0, "random")]
    mixtures = [Weights.of([share, 0, 1 - share], *kind) for share, *kind in kinds]
    one_by_one = [hull.distances(one.array[None], one.concentration, one.pairing)[0] for one in mixtures]
    np.testing.assert_allclose(hull.distances_of(mixtures), one_by_one)
    assert hull.distances_of([]).shape == (0,)


def test_the_gram_matrix_is_positive_semidefinite(hull):
    for gram in (hull.gram, hull.gram_random):
        np.testing.assert_allclose(gram, gram.T)
        assert np.linalg.eigvalsh(gram).min() > -1e-9 * np.trace(gram)


def test_the_projection_beats_every_point_of_a_fine_grid(hull):
    grid = np.random.default_rng(0).dirichlet(np.full(3, 0.5), size=20_000)
    assert hull.distance(hull.projection()) <= hull.distances(grid).min() + 1e-9


def test_the_projection_has_exact_zeros():
    gram = np.diag([1.0, 1.0, 50.0]) + 5.0
    gram[2, :2] = gram[:2, 2] = 20.0
    assert Hull(gram, gram).projection().values[2] == 0.0


def test_the_projection_of_orthogonal_gaps_weighs_by_inverse_distance():
    hull = Hull(np.diag([1.0, 2.0, 4.0]), np.eye(3))
    np.testing.assert_allclose(hull.projection().values, np.array([4, 2, 1]) / 7, atol=1e-8)


def test_permuting_sources_permutes_the_projection(hull):
    order = [2, 0, 1]
    turned = Hull(hull.gram[np.ix_(order, order)], hull.gram_random)
    np.testing.assert_allclose(turned.projection().array, hull.projection().array[order], atol=1e-8)


def test_distances_between_sources_obey_the_identity_of_proposition_two(hull):
    """W2Q(rho_a, Q) = sum a_i W(P_i, Q) - 1/2 sum a_i a_j W(P_i, P_j)."""
    a = np.array([0.3, 0.3, 0.4])
    diagonal = np.diag(hull.gram)
    between = diagonal[:, None] + diagonal[None, :] - 2 * hull.gram  # squared W_{2,Q} between sources
    np.fill_diagonal(between, 0)  # replicas of one source are one source
    linear = a @ np.diag(hull.gram) - a @ between @ a / 2
    assert hull.distances(a[None])[0] == pytest.approx(linear)


def test_concentration_moves_from_the_geodesic_to_the_pooled_union(hull):
    a = np.array([[0.3, 0.3, 0.4]])
    values = [hull.distances(a, k)[0] for k in (math.inf, 100.0, 1.0, 0.0)]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(float(a[0] @ np.diag(hull.gram)))


def test_coordinates_are_apart_as_the_geodesic_points_are(anchors):
    hull = Hull.of(anchors)
    rng = np.random.default_rng(0)
    a, b = rng.dirichlet(np.ones(len(hull.gram)), 2)
    points = hull.coordinates([Weights.of(a), Weights.of(b)])
    assert ((points[0] - points[1]) ** 2).sum() == pytest.approx((a - b) @ hull.gram @ (a - b))


def test_equal_mixtures_have_equal_coordinates(anchors):
    hull, m = Hull.of(anchors), len(anchors.sources)
    alone = np.eye(m)[0]
    same = [Weights(tuple(alone), 2.0, "random"), Weights(tuple(alone), 0.0), Weights.single(0, m)]
    np.testing.assert_allclose(hull.coordinates(same), hull.coordinates(same[-1:]).repeat(3, 0), atol=1e-6)
    values = tuple(np.full(m, 1 / m))
    pooled = hull.coordinates([Weights(values, 0.0, "random"), Weights(values, 0.0)])
    np.testing.assert_allclose(pooled[0], pooled[1])


def test_a_wider_cloud_lies_further_from_its_point(anchors):
    hull, m = Hull.of(anchors), len(anchors.sources)
    clouds = hull.coordinates([Weights.of(np.full(m, 1 / m), k) for k in (np.inf, 10.0, 1.0, 0.0)])
    assert (np.diff(((clouds - clouds[0]) ** 2).sum(1)) > 0).all()
