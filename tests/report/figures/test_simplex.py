"""The map of the simplex: places, contours and their closed form."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.report.figures import all as figures
from geosearch.report.figures.simplex import apart, corners, least_distances


def gram_of(m: int, seed: int = 0) -> np.ndarray:
    gaps = np.random.default_rng(seed).normal(size=(m, 5)) + 1
    return gaps @ gaps.T


@pytest.mark.parametrize("m", [3, 4, 5, 12])
def test_corners_lie_on_the_unit_circle_evenly(m):
    places = corners(gram_of(m))
    np.testing.assert_allclose(np.hypot(*places.T), 1)
    angles = np.sort(np.arctan2(places[:, 1], places[:, 0]))
    np.testing.assert_allclose(np.diff(angles), 2 * np.pi / m)


def test_sources_that_are_close_become_neighbours():
    around = np.array([0, 3, 1, 5, 2, 4])  # a ring of sources, listed in another order
    ring = np.column_stack([np.cos(around * np.pi / 3), np.sin(around * np.pi / 3), np.full(6, 2.0)])
    places = corners(ring @ ring.T)
    angles = np.arctan2(places[:, 1], places[:, 0])[np.argsort(around)]
    steps = np.diff(np.unwrap(angles))
    np.testing.assert_allclose(np.abs(steps), np.pi / 3)
    assert len(set(np.sign(steps))) == 1


def test_with_three_sources_the_contours_are_the_closed_form():
    gram, rng = gram_of(3), np.random.default_rng(1)
    weights = rng.dirichlet(np.ones(3), size=50)
    places = corners(gram)
    found = least_distances(gram, places, weights @ places)
    np.testing.assert_allclose(found, np.einsum("ki,ij,kj->k", weights, gram, weights), rtol=1e-4)


@pytest.mark.parametrize("m", [4, 7, 12])
def test_with_more_sources_they_are_its_lower_envelope(m):
    gram, rng = gram_of(m), np.random.default_rng(2)
    places = corners(gram)
    weights = rng.dirichlet(np.ones(m), size=60)
    closed_form = np.einsum("ki,ij,kj->k", weights, gram, weights)
    found = least_distances(gram, places, weights @ places)
    assert (found <= closed_form * (1 + 1e-6)).all()
    np.testing.assert_allclose(least_distances(gram, places, places), np.diag(gram), rtol=1e-4)
    halves = least_distances(gram, places, (weights[:30] + weights[30:]) @ places / 2)
    assert (halves <= (found[:30] + found[30:]) / 2 + 1e-6).all()  # convex


def test_points_that_share_a_place_are_moved_apart_and_others_stay():
    points = np.array([[0.0, 0], [0, 0], [0, 0], [0.5, 0.5]])
    moved = apart(points, 0.05)
    np.testing.assert_array_equal(moved[3], points[3])
    np.testing.assert_allclose(moved[:3].mean(axis=0), 0, atol=1e-12)
    gaps = np.linalg.norm(moved[:3, None] - moved[None, :3], axis=2)
    assert gaps[np.triu_indices(3, 1)].min() > 0.05


@pytest.mark.parametrize("m", [3, 6])
def test_every_trial_is_a_point_near_its_place_coloured_by_its_error(facts_of, m):
    facts = facts_of(m=m)
    axes = figures.plot_simplex(facts).figure.axes[0]
    groups = {c.get_label(): c for c in axes.collections}
    searched, baseline, best = groups["_searched"], groups["_baseline"], groups["_best"]
    trials = [trial for trial in facts.trials if trial.error is not None]
    assert len(searched.get_offsets()) + len(baseline.get_offsets()) + 1 == len(trials)
    drawn = np.concatenate([searched.get_array(), baseline.get_array()])
    assert sorted(drawn) == pytest.approx(sorted(t.error for t in trials if t is not facts.best))
    winner = facts.best
    expected = np.array(winner.weights) @ corners(facts.gram)
    np.testing.assert_allclose(best.get_offsets()[0], expected, atol=0.08)


def test_two_sources_give_a_line_with_the_closed_form_below(facts_of):
    facts = facts_of(m=2)
    upper, lower = figures.plot_simplex(facts).figure.axes
    curve = lower.lines[0]
    np.testing.assert_allclose(curve.get_ydata()[[0, -1]], np.diag(facts.gram))
    assert lower.get_xlabel().startswith(f"weight of {facts.sources[1].name}")
    points = np.concatenate([c.get_offsets() for c in upper.collections])
    assert sorted(points[:, 0]) == pytest.approx(sorted(t.weights[1] for t in facts.trials if t.error is not None))
    assert len(figures.plot_simplex(facts_of(m=2, state="prepared")).figure.axes) == 1
